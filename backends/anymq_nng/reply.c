/* Receiving by one receive that is kept under way: REQ, SURVEYOR, SUB of some versions, contexts.
 *
 * nng ties a receive to the request or survey: when a receive times out or is cancelled, the whole
 * request is given up. A wait in slices would end it at the first slice. So one receive
 * without a time limit is kept under way, with a callback; waiters wait for the callback, and what
 * it brings after they have left is kept for the next. All errors it brings are therefore nng's
 * own: NNG_ETIMEDOUT is the end of the survey, never the end of a slice.
 *
 * Sending begins a new request or survey and ends the old one, also in nng; the receive that is
 * under way is given up before, so that an old reply never passes for a new one.
 *
 * A SUB whose descriptor lies is served likewise, because this receive's callback tells the truth.
 *
 * A context has no descriptor of nng's either. That of a REP or RESPONDENT takes what others could take,
 * so its receive is under way only as long as somebody waits for it. What has come when the last of
 * them has left is received next.
 *
 * Two locks: the socket's serialises sending, submitting and collecting; the reply's is all that
 * the callback takes, so that nng may run it whenever it likes.
 */
#include "socket.h"

#include <errno.h>
#include <time.h>

/* How long nng may take to run a callback of what is complete; and where an event loop waits for it. */
enum { MOMENT_MS = 5, SHORT_MOMENT_MS = 1 };

/* Whether its receive takes what others could take. */
static int takes_any(const anymq_nng_socket *s)
{
    return s->flags & NNG_TO_ASKER;
}

/* Whether a receive without any time does no harm. */
static int may_attempt(const anymq_nng_socket *s)
{
    return s->flags & NNG_IS_REQ || (s->parent != NULL && !(s->flags & NNG_IS_SURVEYOR));
}

static void tell_loops(nng_reply *reply)
{
    if (reply->tell != NULL)
        reply->tell(reply->listener, ANYMQ_READABLE);
    anymq_nng_unring(&reply->bell); /* an edge for each round: it may have been rung for the last */
    anymq_nng_ring(&reply->bell);
}

static void received(void *arg)
{
    anymq_nng_socket *s = arg;
    nng_reply *reply = &s->reply;

    pthread_mutex_lock(&reply->lock);
    reply->done = 1;
    tell_loops(reply);
    pthread_mutex_unlock(&reply->lock);
    pthread_cond_broadcast(&reply->changed); /* unlocked, for who wakes wants the lock */
}

int anymq_nng_reply_init(anymq_nng_socket *s)
{
    if (!(s->flags & NNG_KEEPS_RECEIVE))
        return 0;
    pthread_mutex_init(&s->reply.lock, NULL);
    anymq_nng_condition_init(&s->reply.changed);
    return s->library->fn.aio_alloc(&s->reply.aio, received, s);
}

/* After the socket was closed. */
void anymq_nng_reply_free(anymq_nng_socket *s)
{
    const nng_table *fn = &s->library->fn;

    if (!(s->flags & NNG_KEEPS_RECEIVE))
        return;
    if (s->reply.active) {
        fn->aio_wait(s->reply.aio);
        if (nng_receive_result(fn, s->reply.aio) == 0)
            fn->msg_free(fn->aio_get_msg(s->reply.aio));
    }
    if (s->reply.aio != NULL)
        fn->aio_free(s->reply.aio);
    anymq_nng_bell_close(&s->reply.bell);
    pthread_cond_destroy(&s->reply.changed);
    pthread_mutex_destroy(&s->reply.lock);
}

void anymq_nng_reply_wake(anymq_nng_socket *s)
{
    if (!(s->flags & NNG_KEEPS_RECEIVE))
        return;
    pthread_mutex_lock(&s->reply.lock);
    s->reply.tell = NULL;
    pthread_cond_broadcast(&s->reply.changed);
    pthread_mutex_unlock(&s->reply.lock);
}

/* A round ends when its receive is collected or given up: who waits for it must look again. Event
 * loops were told by the callback, which has run in either case. */
static void end_round(nng_reply *reply)
{
    reply->active = 0;
    reply->wanted = 0;
    pthread_mutex_lock(&reply->lock);
    reply->done = 0;
    reply->round++;
    pthread_cond_broadcast(&reply->changed);
    pthread_mutex_unlock(&reply->lock);
}

void anymq_nng_reply_give_up(anymq_nng_socket *s)
{
    const nng_table *fn = &s->library->fn;
    nng_reply *reply = &s->reply;

    if (!reply->active)
        return;
    fn->aio_abort(reply->aio, NNG_ECANCELED);
    fn->aio_wait(reply->aio);
    if (nng_receive_result(fn, reply->aio) == 0)
        fn->msg_free(fn->aio_get_msg(reply->aio));
    fn->aio_set_msg(reply->aio, NULL);
    end_round(reply);
}

void anymq_nng_reply_hold(anymq_nng_socket *s)
{
    const nng_table *fn = &s->library->fn;

    if (!s->reply.active)
        return;
    fn->aio_abort(s->reply.aio, NNG_ECANCELED);
    fn->aio_wait(s->reply.aio);
    if (nng_receive_result(fn, s->reply.aio) != 0) {
        fn->aio_set_msg(s->reply.aio, NULL);
        end_round(&s->reply);
    }
}

/* Nobody waits any longer in this direction in a loop. */
void anymq_nng_forgo(void *socket, int direction)
{
    anymq_nng_socket *s = socket;

    if (!(s->flags & NNG_KEEPS_RECEIVE) || !(direction & ANYMQ_READABLE))
        return;
    pthread_mutex_lock(&s->lock);
    s->reply.wanted = 0;
    if (direction & ANYMQ_WRITABLE) { /* nothing at all is waited for */
        pthread_mutex_lock(&s->reply.lock);
        s->reply.tell = NULL;
        pthread_mutex_unlock(&s->reply.lock);
    }
    if (takes_any(s) && s->reply.waiters == 0)
        anymq_nng_reply_hold(s);
    pthread_mutex_unlock(&s->lock);
}

/* The first word of a survey's end is the end of its time, whether nng says so to a receive that
 * was under way or finds no survey for one that came later. */
static int outcome(anymq_nng_socket *s, int result)
{
    nng_reply *reply = &s->reply;

    if (result == NNG_EAGAIN)
        return ANYMQ_AGAIN;
    if (result == NNG_ECANCELED)
        return atomic_load(&s->interrupted) ? ANYMQ_INTERRUPTED : ANYMQ_AGAIN;
    if ((s->flags & NNG_IS_SURVEYOR) && (result == NNG_ETIMEDOUT || result == NNG_ESTATE)) {
        result = reply->survey_open ? NNG_ETIMEDOUT : NNG_ESTATE;
        reply->survey_open = 0;
    }
    return result;
}

/* With the socket's lock held, when the callback has told of it. It may still be on its way out, which
 * need not be waited for: it touches nothing any more, and nng lets another receive begin meanwhile. */
static int collect(anymq_nng_socket *s, anymq_msg *m)
{
    const nng_table *fn = &s->library->fn;
    nng_reply *reply = &s->reply;
    nng_msg *message;
    int result;

    result = nng_receive_result(fn, reply->aio);
    message = result == 0 ? fn->aio_get_msg(reply->aio) : NULL;
    fn->aio_set_msg(reply->aio, NULL);
    end_round(reply);
    if (result != 0)
        return outcome(s, result);
    anymq_nng_fill_message(s, m, message);
    anymq_nng_note_received(s, m);
    return ANYMQ_OK;
}

/* Without any lock held: until the round is over or complete, or the time is. 0: the time is. */
static int await(anymq_nng_socket *s, unsigned round, int64_t deadline_ms)
{
    nng_reply *reply = &s->reply;
    struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    int rv = 0;

    pthread_mutex_lock(&reply->lock);
    while (!reply->done && reply->round == round && !atomic_load(&s->interrupted) && rv != ETIMEDOUT) {
        if (deadline_ms < 0)
            pthread_cond_wait(&reply->changed, &reply->lock);
        else
            rv = pthread_cond_timedwait(&reply->changed, &reply->lock, &until);
    }
    rv = reply->done || reply->round != round || atomic_load(&s->interrupted);
    pthread_mutex_unlock(&reply->lock);
    return rv;
}

/* An attempt of any but a SURVEYOR while no receive is under way. */
static int attempt(anymq_nng_socket *s, anymq_msg *m)
{
    nng_msg *message = NULL;
    int result = anymq_nng_attempt_recv(s, &message);

    if (result == NNG_ETIMEDOUT)
        return ANYMQ_AGAIN;
    if (result != 0)
        return outcome(s, result);
    anymq_nng_fill_message(s, m, message);
    anymq_nng_note_received(s, m);
    return ANYMQ_OK;
}

/* With the socket's lock held. */
static void begin_round(anymq_nng_socket *s)
{
    s->library->fn.aio_set_timeout(s->reply.aio, NNG_DURATION_INFINITE);
    s->reply.active = 1;
    nng_submit_recv(s, s->reply.aio);
}

int anymq_nng_reply_fd(anymq_nng_socket *s)
{
    nng_reply *reply = &s->reply;

    pthread_mutex_lock(&s->lock);
    reply->wanted = 1;
    if (anymq_nng_bell_open(&reply->bell) != 0) {
        pthread_mutex_unlock(&s->lock);
        return -1;
    }
    if (!reply->active && !(reply->senders > 0 && (s->flags & NNG_IS_REQ)))
        begin_round(s);
    pthread_mutex_lock(&reply->lock);
    if (reply->done)
        anymq_nng_ring(&reply->bell);
    else
        anymq_nng_unring(&reply->bell); /* from now on it tells of this receive alone */
    pthread_mutex_unlock(&reply->lock);
    pthread_mutex_unlock(&s->lock);
    return reply->bell.fd;
}

/* A loop that came while a send was waiting was not given a receive: let it look again. */
void anymq_nng_reply_resume(anymq_nng_socket *s)
{
    if (!s->reply.wanted || s->reply.active || s->reply.senders > 0)
        return;
    pthread_mutex_lock(&s->reply.lock);
    tell_loops(&s->reply);
    pthread_mutex_unlock(&s->reply.lock);
}

void anymq_nng_reply_ask(anymq_nng_socket *s)
{
    pthread_mutex_lock(&s->lock);
    s->reply.wanted = 1;
    if (!s->reply.active)
        begin_round(s);
    pthread_mutex_lock(&s->reply.lock);
    if (s->reply.done)
        tell_loops(&s->reply);
    pthread_mutex_unlock(&s->reply.lock);
    pthread_mutex_unlock(&s->lock);
}

/* Try (0 ms) or wait. Later versions of nng (1.11 and 2.x do) block a surveyor's attempt until the
 * survey ends, so it is a receive that is given a moment. */
int anymq_nng_reply_recv(anymq_nng_socket *s, anymq_msg *m, int timeout_ms)
{
    const nng_table *fn = &s->library->fn;
    nng_reply *reply = &s->reply;
    int64_t deadline;
    unsigned round;
    int done, result;

    if (timeout_ms == 0 && !may_attempt(s) && !reply->bell.open && !reply->wanted)
        timeout_ms = MOMENT_MS; /* an event loop is told, and has no moment to give */
    deadline = timeout_ms < 0 ? -1 : anymq_nng_clock_ms() + timeout_ms;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        if (reply->senders > 0 && (s->flags & NNG_IS_REQ)) {
            pthread_mutex_unlock(&s->lock); /* the new request is not out: none is outstanding */
            return NNG_ESTATE;
        }
        pthread_mutex_lock(&reply->lock);
        done = reply->done;
        round = reply->round;
        pthread_mutex_unlock(&reply->lock);
        if (reply->active && done) {
            result = collect(s, m);
            pthread_mutex_unlock(&s->lock);
            return result;
        }
        if (atomic_load(&s->interrupted)) {
            pthread_mutex_unlock(&s->lock);
            return ANYMQ_INTERRUPTED;
        }
        if (!reply->active) {
            result = may_attempt(s) ? attempt(s, m) : ANYMQ_AGAIN;
            if (result != ANYMQ_AGAIN || (timeout_ms == 0 && may_attempt(s))) {
                pthread_mutex_unlock(&s->lock);
                return result;
            }
            begin_round(s);
            if (timeout_ms == 0 && (s->flags & NNG_IS_SUB)) {
                timeout_ms = SHORT_MOMENT_MS; /* there may be more in its queue */
                deadline = anymq_nng_clock_ms() + timeout_ms;
            }
        }
        reply->waiters++;
        pthread_mutex_unlock(&s->lock);
        done = timeout_ms != 0 && await(s, round, deadline);
        pthread_mutex_lock(&s->lock);
        reply->waiters--;
        if (!done && takes_any(s) && reply->active && reply->waiters == 0 && !reply->wanted) {
            fn->aio_abort(reply->aio, NNG_ECANCELED);
            fn->aio_wait(reply->aio); /* for the callback that tells of that, too */
            result = collect(s, m);
            pthread_mutex_unlock(&s->lock);
            return result;
        }
        pthread_mutex_unlock(&s->lock);
        if (!done)
            return ANYMQ_AGAIN;
    }
}
