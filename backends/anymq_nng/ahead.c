/* Receiving ahead, for event loops.
 *
 * nng's poll descriptors cost several system calls a message and let a connection stand still until
 * the loop has come for what it brought. So from the first time that a loop waits on a socket, a
 * few receives are kept under way. They complete without anybody's help; the loop is woken when
 * there is something after there was nothing, and then finds all that has come since.
 *
 * Whoever receives takes what is here: from then on nng itself holds nothing that was not asked for
 * here before. nng serves receives in the order in which they were submitted, but may run their
 * callbacks in another: the receives are a ring in that order, of which the first alone is taken.
 * What nobody takes stays: it is part of the receive buffer. There are fewer receives where messages
 * are large: as many as hold AHEAD_BYTES of such as came last.
 *
 * A REP or RESPONDENT cannot receive ahead, because what it receives decides whom it answers; REQ
 * and SURVEYOR have one receive for each request, and a SUB of some versions has one too (reply.c).
 *
 * Two locks: the socket's serialises submitting and taking; the ring's own is all that a callback
 * takes, so that nng may run it whenever it likes.
 */
#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { AHEAD = 32, AHEAD_BYTES = 65536 };

typedef struct nng_early {
    anymq_nng_socket *socket;
    nng_aio *aio;
    int done; /* guarded by the ring's lock */
} nng_early;

int anymq_nng_receives_ahead(const anymq_nng_socket *s)
{
    return !(s->flags & (NNG_KEEPS_RECEIVE | NNG_TO_ASKER));
}

/* With the ring's lock held. */
static int has_come(const nng_ahead *ahead)
{
    return ahead->count > 0 && ahead->ring[ahead->first].done;
}

static void arrived(void *arg)
{
    nng_early *early = arg;
    nng_ahead *ahead = &early->socket->ahead;

    pthread_mutex_lock(&ahead->lock);
    early->done = 1;
    if (has_come(ahead)) {
        anymq_nng_ring(&ahead->bell);
        if (ahead->sleepers > 0)
            pthread_cond_broadcast(&ahead->changed);
    }
    pthread_mutex_unlock(&ahead->lock);
}

/* Have as many receives under way as there may be. With the socket's lock held. */
static void submit(anymq_nng_socket *s)
{
    const nng_table *fn = &s->library->fn;
    nng_ahead *ahead = &s->ahead;

    while (ahead->count < ahead->room && !atomic_load(&s->interrupted)) {
        nng_early *early = &ahead->ring[(ahead->first + ahead->count) % AHEAD];
        pthread_mutex_lock(&ahead->lock);
        ahead->count++;
        pthread_mutex_unlock(&ahead->lock);
        fn->recv_aio(s->id, early->aio);
    }
}

static void release(anymq_nng_socket *s, nng_early *ring)
{
    for (int i = 0; i < AHEAD && ring[i].aio != NULL; i++)
        s->library->fn.aio_free(ring[i].aio);
    free(ring);
}

/* With the socket's lock held. */
static int begin(anymq_nng_socket *s)
{
    const nng_table *fn = &s->library->fn;
    nng_ahead *ahead = &s->ahead;
    nng_early *ring = calloc(AHEAD, sizeof *ring);
    int rv = ring == NULL ? NNG_ENOMEM : anymq_nng_bell_open(&ahead->bell);

    for (int i = 0; i < AHEAD && rv == 0; i++) {
        ring[i].socket = s;
        rv = fn->aio_alloc(&ring[i].aio, arrived, &ring[i]);
        if (rv == 0)
            fn->aio_set_timeout(ring[i].aio, NNG_DURATION_INFINITE);
    }
    if (rv != 0) {
        if (ring != NULL)
            release(s, ring);
        return rv;
    }
    pthread_mutex_init(&ahead->lock, NULL);
    anymq_nng_condition_init(&ahead->changed);
    ahead->ring = ring;
    ahead->room = 1; /* until it is seen how large messages are */
    atomic_store(&ahead->begun, 1);
    submit(s);
    return 0;
}

int anymq_nng_ahead_fd(anymq_nng_socket *s)
{
    nng_ahead *ahead = &s->ahead;
    int rv;

    pthread_mutex_lock(&s->lock);
    rv = atomic_load(&ahead->begun) ? 0 : begin(s);
    if (rv == 0) {
        pthread_mutex_lock(&ahead->lock);
        if (!has_come(ahead))
            anymq_nng_unring(&ahead->bell);
        pthread_mutex_unlock(&ahead->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return rv == 0 ? ahead->bell.fd : -1;
}

/* The first of the ring, if it has come. With the socket's lock held. */
static nng_early *take(nng_ahead *ahead)
{
    nng_early *early = NULL;

    pthread_mutex_lock(&ahead->lock);
    if (has_come(ahead)) {
        early = &ahead->ring[ahead->first];
        early->done = 0;
        ahead->first = (ahead->first + 1) % AHEAD;
        ahead->count--;
    } else {
        anymq_nng_unring(&ahead->bell);
    }
    pthread_mutex_unlock(&ahead->lock);
    return early;
}

static int attempt(anymq_nng_socket *s, anymq_msg *m)
{
    const nng_table *fn = &s->library->fn;
    nng_msg *message = NULL;
    nng_early *early;
    int result = NNG_EAGAIN;

    pthread_mutex_lock(&s->lock);
    early = take(&s->ahead);
    if (early != NULL) {
        result = fn->aio_result(early->aio);
        if (result == 0) {
            size_t size;
            message = fn->aio_get_msg(early->aio);
            size = fn->msg_len(message);
            s->ahead.room = size > AHEAD_BYTES ? 1 : size > AHEAD_BYTES / AHEAD ? AHEAD_BYTES / size : AHEAD;
            fn->aio_set_msg(early->aio, NULL);
            submit(s);
        }
    } else if (s->ahead.count == 0) {
        submit(s); /* all of them failed */
    }
    pthread_mutex_unlock(&s->lock);
    if (result == 0)
        anymq_nng_fill_message(s, m, message);
    return result;
}

/* Until something has come, or the time is over. */
static void sleep_until(anymq_nng_socket *s, int64_t deadline_ms)
{
    nng_ahead *ahead = &s->ahead;
    struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    int rv = 0;

    pthread_mutex_lock(&ahead->lock);
    ahead->sleepers++;
    while (!has_come(ahead) && !atomic_load(&s->interrupted) && rv != ETIMEDOUT) {
        if (deadline_ms < 0)
            pthread_cond_wait(&ahead->changed, &ahead->lock);
        else
            rv = pthread_cond_timedwait(&ahead->changed, &ahead->lock, &until);
    }
    ahead->sleepers--;
    pthread_mutex_unlock(&ahead->lock);
}

int anymq_nng_ahead_recv(anymq_nng_socket *s, anymq_msg *m, int timeout_ms)
{
    int64_t deadline = timeout_ms <= 0 ? timeout_ms : anymq_nng_clock_ms() + timeout_ms;

    for (;;) {
        int result = attempt(s, m);
        if (result != NNG_EAGAIN)
            return anymq_nng_failure(s, result);
        if (timeout_ms != 0 && atomic_load(&s->interrupted))
            return ANYMQ_INTERRUPTED;
        if (timeout_ms == 0 || (timeout_ms > 0 && anymq_nng_clock_ms() >= deadline))
            return ANYMQ_AGAIN;
        sleep_until(s, deadline);
    }
}

void anymq_nng_ahead_wake(anymq_nng_socket *s)
{
    if (!atomic_load(&s->ahead.begun))
        return;
    pthread_mutex_lock(&s->ahead.lock);
    pthread_cond_broadcast(&s->ahead.changed);
    pthread_mutex_unlock(&s->ahead.lock);
}

/* After the socket was closed. */
void anymq_nng_ahead_free(anymq_nng_socket *s)
{
    const nng_table *fn = &s->library->fn;
    nng_ahead *ahead = &s->ahead;

    if (atomic_load(&ahead->begun)) {
        for (unsigned i = 0; i < ahead->count; i++) {
            nng_early *early = &ahead->ring[(ahead->first + i) % AHEAD];
            fn->aio_wait(early->aio);
            if (fn->aio_result(early->aio) == 0)
                fn->msg_free(fn->aio_get_msg(early->aio));
        }
        release(s, ahead->ring);
        pthread_cond_destroy(&ahead->changed);
        pthread_mutex_destroy(&ahead->lock);
    }
    anymq_nng_bell_close(&ahead->bell);
}
