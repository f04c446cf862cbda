/* Waiting inside nng: an asynchronous operation without a callback, and nng_aio_wait.
 *
 * Such an operation wakes its waiter directly, where a callback would go through another of nng's
 * threads. Submitting happens under the socket's lock, and interrupt() sets its flag and aborts
 * under the same lock: an operation is either submitted before and aborted, or not submitted.
 * Whether an operation has moved a message is told by what it left behind alone, so that nothing is
 * lost when it completes while it times out or is aborted.
 */
#include "socket.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t anymq_nng_clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void anymq_nng_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* With the socket's lock held. */
static int take_wait(anymq_nng_socket *s, nng_wait **out)
{
    nng_wait *wait = s->spare;
    int rv;

    if (wait != NULL) {
        s->spare = wait->next;
    } else {
        wait = calloc(1, sizeof *wait);
        if (wait == NULL)
            return NNG_ENOMEM;
        rv = s->library->fn.aio_alloc(&wait->aio, NULL, NULL);
        if (rv != 0) {
            free(wait);
            return rv;
        }
    }
    wait->next = s->busy.next;
    wait->previous = &s->busy;
    wait->next->previous = wait;
    s->busy.next = wait;
    *out = wait;
    return 0;
}

/* With the socket's lock held. */
static void return_wait(anymq_nng_socket *s, nng_wait *wait)
{
    wait->previous->next = wait->next;
    wait->next->previous = wait->previous;
    s->library->fn.aio_set_msg(wait->aio, NULL);
    wait->next = s->spare;
    s->spare = wait;
}

int anymq_nng_failure(anymq_nng_socket *s, int result)
{
    if (result == NNG_ETIMEDOUT || result == NNG_EAGAIN)
        return ANYMQ_AGAIN;
    if (result == NNG_ECANCELED && atomic_load(&s->interrupted))
        return ANYMQ_INTERRUPTED;
    return result;
}

int anymq_nng_wait_send(void *socket, anymq_msg *m, int timeout_ms)
{
    anymq_nng_socket *s = socket;
    const nng_table *fn = &s->library->fn;
    int stateful = s->flags & NNG_IS_STATEFUL;
    _Atomic uint64_t *sending = &(s->parent != NULL ? s->parent : s)->sending;
    nng_wait *wait;
    nng_msg *left;
    int result;

    pthread_mutex_lock(&s->lock);
    if (timeout_ms != 0 && atomic_load(&s->interrupted)) {
        pthread_mutex_unlock(&s->lock);
        return ANYMQ_INTERRUPTED;
    }
    result = take_wait(s, &wait);
    if (result != 0) {
        pthread_mutex_unlock(&s->lock);
        return result;
    }
    if (stateful) {
        anymq_nng_reply_give_up(s);
        s->reply.senders++;
    }
    fn->aio_set_timeout(wait->aio, timeout_ms < 0 ? NNG_DURATION_INFINITE : timeout_ms);
    fn->aio_set_msg(wait->aio, nng_message(m));
    atomic_fetch_add(sending, 1);
    nng_submit_send(s, wait->aio);
    pthread_mutex_unlock(&s->lock);

    fn->aio_wait(wait->aio);

    pthread_mutex_lock(&s->lock);
    result = nng_send_result(fn, wait->aio);
    left = result != 0 ? fn->aio_get_msg(wait->aio) : NULL;
    if (stateful) {
        s->reply.senders--;
        if (result == 0)
            s->reply.survey_open = 1;
        anymq_nng_reply_resume(s);
    }
    return_wait(s, wait);
    pthread_mutex_unlock(&s->lock);
    if (result == 0)
        anymq_nng_note_sent(s, m);
    atomic_fetch_sub(sending, 1);
    if (result == 0) {
        memset(m, 0, sizeof *m);
        return ANYMQ_OK;
    }
    if (left != NULL) {
        if (!(s->flags & NNG_IS_RAW)) /* nng before 1.2 leaves the id of the request there */
            fn->msg_header_clear(left);
        anymq_nng_fill_message(s, m, left);
    }
    return anymq_nng_failure(s, result);
}

int anymq_nng_wait_recv(void *socket, anymq_msg *m, int timeout_ms)
{
    anymq_nng_socket *s = socket;
    const nng_table *fn = &s->library->fn;
    nng_msg *message = NULL;
    nng_wait *wait;
    int result;

    if (s->flags & NNG_KEEPS_RECEIVE)
        return anymq_nng_reply_recv(s, m, timeout_ms);
    if (atomic_load(&s->ahead.begun))
        return anymq_nng_ahead_recv(s, m, timeout_ms);
    pthread_mutex_lock(&s->lock);
    if (timeout_ms != 0 && atomic_load(&s->interrupted)) {
        pthread_mutex_unlock(&s->lock);
        return ANYMQ_INTERRUPTED;
    }
    result = take_wait(s, &wait);
    if (result != 0) {
        pthread_mutex_unlock(&s->lock);
        return result;
    }
    fn->aio_set_timeout(wait->aio, timeout_ms < 0 ? NNG_DURATION_INFINITE : timeout_ms);
    nng_submit_recv(s, wait->aio);
    pthread_mutex_unlock(&s->lock);

    fn->aio_wait(wait->aio);

    pthread_mutex_lock(&s->lock);
    result = nng_receive_result(fn, wait->aio);
    if (result == 0)
        message = fn->aio_get_msg(wait->aio);
    return_wait(s, wait);
    pthread_mutex_unlock(&s->lock);
    if (result != 0)
        return anymq_nng_failure(s, result);
    anymq_nng_fill_message(s, m, message);
    anymq_nng_note_received(s, m);
    return ANYMQ_OK;
}

int anymq_nng_attempt_recv(anymq_nng_socket *s, nng_msg **message)
{
    const nng_table *fn = &s->library->fn;
    nng_wait *wait;
    int result = take_wait(s, &wait);

    if (result != 0)
        return result;
    fn->aio_set_timeout(wait->aio, 0);
    nng_submit_recv(s, wait->aio);
    fn->aio_wait(wait->aio);
    result = nng_receive_result(fn, wait->aio);
    if (result == 0)
        *message = fn->aio_get_msg(wait->aio);
    return_wait(s, wait);
    return result;
}

void anymq_nng_interrupt(void *socket)
{
    anymq_nng_socket *s = socket;

    pthread_mutex_lock(&s->lock);
    atomic_store(&s->interrupted, 1);
    for (nng_wait *wait = s->busy.next; wait != &s->busy; wait = wait->next)
        s->library->fn.aio_abort(wait->aio, NNG_ECANCELED);
    pthread_mutex_unlock(&s->lock);
    anymq_nng_reply_wake(s);
    anymq_nng_ahead_wake(s);
    anymq_nng_posts_wake(s);
}

void anymq_nng_free_waits(anymq_nng_socket *s)
{
    nng_wait *wait;

    while ((wait = s->spare) != NULL) {
        s->spare = wait->next;
        s->library->fn.aio_free(wait->aio);
        free(wait);
    }
}
