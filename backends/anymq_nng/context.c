/* Contexts: a request, a survey, a subscription or an answer of its own, many on one socket.
 *
 * A context is driven as a socket is, by an anymq_nng_socket of its own that has a parent: the waits
 * of wait.c and the receive of reply.c are the same. It keeps its parent's memory, not its socket:
 * closing that ends what its contexts have under way.
 *
 * In nng itself a context must end before its socket is closed, and must not be in use when it ends:
 * nng's closing waits until it knows of no context any more, which is before the last has been taken
 * apart, and then frees what that still looks at. So whoever comes first, the context's close or its
 * socket's, ends it under both locks.
 *
 * An answer goes to the one peer that asked, whose connection may be busy with the answers of other
 * contexts; and nng forgets who asked with the attempt to send. So an answer is handed to nng without
 * a time limit and without waiting for it: one for each context may be under way, which closing the
 * context waits for within its linger. An answer whose peer is gone is dropped, as nng does.
 */
#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* nng's callback; the reply's lock is all that it takes. */
static void has_left(void *arg)
{
    anymq_nng_socket *s = arg;
    const nng_table *fn = &s->library->fn;

    if (fn->aio_result(s->answer.aio) != 0 && fn->aio_get_msg(s->answer.aio) != NULL)
        fn->msg_free(fn->aio_get_msg(s->answer.aio));
    fn->aio_set_msg(s->answer.aio, NULL);
    atomic_fetch_sub(&s->parent->answers, 1);
    pthread_mutex_lock(&s->reply.lock);
    s->answer.under_way = 0;
    pthread_cond_broadcast(&s->reply.changed);
    if (s->reply.tell != NULL)
        s->reply.tell(s->reply.listener, ANYMQ_WRITABLE);
    pthread_mutex_unlock(&s->reply.lock);
}

/* Until no answer is under way: ANYMQ_OK with the socket's lock held, else without it. */
static int lock_idle(anymq_nng_socket *s, int timeout_ms)
{
    int64_t deadline = anymq_nng_clock_ms() + timeout_ms;
    struct timespec until = {deadline / 1000, deadline % 1000 * 1000000};
    int rv = 0, under_way;

    for (;;) {
        pthread_mutex_lock(&s->reply.lock);
        while (s->answer.under_way && timeout_ms != 0 && rv != ETIMEDOUT && !atomic_load(&s->interrupted)) {
            if (timeout_ms < 0)
                pthread_cond_wait(&s->reply.changed, &s->reply.lock);
            else
                rv = pthread_cond_timedwait(&s->reply.changed, &s->reply.lock, &until);
        }
        under_way = s->answer.under_way;
        pthread_mutex_unlock(&s->reply.lock);
        if (under_way)
            return atomic_load(&s->interrupted) ? ANYMQ_INTERRUPTED : ANYMQ_AGAIN;
        pthread_mutex_lock(&s->lock);
        if (atomic_load(&s->interrupted)) {
            pthread_mutex_unlock(&s->lock);
            return ANYMQ_INTERRUPTED;
        }
        /* Sending begins under the socket's lock, so this cannot change while it is held. */
        pthread_mutex_lock(&s->reply.lock);
        under_way = s->answer.under_way;
        pthread_mutex_unlock(&s->reply.lock);
        if (!under_way)
            return ANYMQ_OK;
        pthread_mutex_unlock(&s->lock);
    }
}

static int send_answer(anymq_nng_socket *s, anymq_msg *m, int timeout_ms)
{
    const nng_table *fn = &s->library->fn;
    int result = lock_idle(s, timeout_ms);

    if (result != ANYMQ_OK)
        return result;
    /* A receive that was begun gives the request up only when it brings another. */
    anymq_nng_reply_hold(s);
    if (s->reply.active || !s->answer.asked) {
        pthread_mutex_unlock(&s->lock);
        return NNG_ESTATE;
    }
    s->answer.asked = 0;
    atomic_fetch_add(&s->parent->answers, 1);
    atomic_store(&s->parent->answered_ms, anymq_nng_clock_ms());
    pthread_mutex_lock(&s->reply.lock);
    s->answer.under_way = 1;
    pthread_mutex_unlock(&s->reply.lock);
    fn->aio_set_timeout(s->answer.aio, NNG_DURATION_INFINITE);
    fn->aio_set_msg(s->answer.aio, nng_message(m));
    anymq_nng_note_sent(s, m);
    memset(m, 0, sizeof *m);
    nng_submit_send(s, s->answer.aio);
    pthread_mutex_unlock(&s->lock);
    return ANYMQ_OK;
}

static void ask(void *socket, int direction, void (*tell)(void *, int), void *listener)
{
    anymq_nng_socket *s = socket;

    pthread_mutex_lock(&s->reply.lock);
    s->reply.tell = tell;
    s->reply.listener = listener;
    if (direction == ANYMQ_WRITABLE && !s->answer.under_way)
        tell(listener, direction);
    pthread_mutex_unlock(&s->reply.lock);
    if (direction == ANYMQ_READABLE)
        anymq_nng_reply_ask(s);
}

static int wait_send(void *socket, anymq_msg *m, int timeout_ms)
{
    anymq_nng_socket *s = socket;

    return s->flags & NNG_TO_ASKER ? send_answer(s, m, timeout_ms) : anymq_nng_send(s, m, timeout_ms);
}

static int try_send(void *socket, anymq_msg *m)
{
    return wait_send(socket, m, 0);
}

static int wait_fd(void *socket, int direction)
{
    anymq_nng_socket *s = socket;

    if (direction == ANYMQ_READABLE)
        return anymq_nng_reply_fd(s);
    return s->library->send_fd_is_its_own ? -1 : anymq_nng_send_fd(s->parent);
}

static int drained(void *socket)
{
    anymq_nng_socket *s = socket;
    int under_way;

    pthread_mutex_lock(&s->reply.lock);
    under_way = s->answer.under_way;
    pthread_mutex_unlock(&s->reply.lock);
    return !under_way;
}

static int peers(void *socket, uint32_t endpoint)
{
    anymq_nng_socket *s = socket;

    return anymq_nng_peers(s->parent, endpoint);
}

/* With the parent's lock held. */
static int end(anymq_nng_socket *s)
{
    anymq_nng_socket **at = &s->parent->contexts;
    int rv = 0;

    pthread_mutex_lock(&s->lock);
    if (!s->ended) {
        while (*at != s)
            at = &(*at)->next_context;
        *at = s->next_context;
        s->ended = 1;
        rv = s->library->fn.ctx_close(s->id);
    }
    pthread_mutex_unlock(&s->lock);
    return rv;
}

void anymq_nng_end_contexts(anymq_nng_socket *socket)
{
    pthread_mutex_lock(&socket->lock);
    while (socket->contexts != NULL)
        end(socket->contexts);
    pthread_mutex_unlock(&socket->lock);
}

static int close_context(void *socket, int64_t linger_ms)
{
    anymq_nng_socket *s = socket;
    int rv;

    (void)linger_ms;
    pthread_mutex_lock(&s->parent->lock);
    rv = end(s);
    pthread_mutex_unlock(&s->parent->lock);
    if (s->answer.aio != NULL) {
        s->library->fn.aio_wait(s->answer.aio);
        s->library->fn.aio_free(s->answer.aio);
    }
    anymq_nng_reply_free(s);
    anymq_nng_free_waits(s);
    pthread_mutex_destroy(&s->lock);
    anymq_nng_let_go(s->parent);
    free(s);
    return rv == NNG_ECLOSED ? 0 : rv;
}

int anymq_nng_close_context(anymq_nng_socket *context)
{
    return close_context(context, 0);
}

anymq_nng_socket *anymq_nng_open_context(anymq_nng_socket *socket, int *error)
{
    const nng_table *fn = &socket->library->fn;
    anymq_nng_socket *s = calloc(1, sizeof *s);

    *error = NNG_ENOMEM;
    if (s == NULL)
        return NULL;
    *error = fn->ctx_open(&s->id, socket->id);
    if (*error != 0) {
        free(s);
        return NULL;
    }
    s->library = socket->library;
    s->flags = socket->flags | NNG_FD_LIES; /* it is the socket's own */
    s->parent = socket;
    atomic_fetch_add(&socket->holders, 1);
    s->busy.next = s->busy.previous = &s->busy;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_lock(&socket->lock);
    s->next_context = socket->contexts;
    socket->contexts = s;
    pthread_mutex_unlock(&socket->lock);
    *error = anymq_nng_reply_init(s);
    if (*error == 0 && s->flags & NNG_TO_ASKER)
        *error = fn->aio_alloc(&s->answer.aio, has_left, s);
    if (*error != 0) {
        close_context(s, 0);
        return NULL;
    }
    return s;
}

/* A REQ's is not told when it can send: only nng's own descriptor tells. */
void anymq_nng_fill_context_ops(anymq_ops *ops, int tells)
{
    *ops = (anymq_ops){
        .abi = ANYMQ_OPS_ABI,
        .size = sizeof *ops,
        .traits = ANYMQ_NATIVE_WAIT | (tells ? ANYMQ_TELLS : 0),
        .msg_init = anymq_nng_message_init,
        .msg_release = anymq_nng_message_release,
        .msg_free = anymq_nng_message_free,
        .try_send = try_send,
        .try_recv = anymq_nng_try_recv,
        .wait_fd = wait_fd,
        .wait_send = wait_send,
        .wait_recv = anymq_nng_wait_recv,
        .interrupt = anymq_nng_interrupt,
        .ask = tells ? ask : NULL,
        .forgo = anymq_nng_forgo,
        .drained = drained,
        .peers = peers,
        .close = close_context,
    };
}
