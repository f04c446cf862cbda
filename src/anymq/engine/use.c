/* Who may touch the native socket, and how it is closed.
 *
 * Closing marks the handle first, so that no new call gets in, then wakes all who wait, and closes
 * the native socket when the last of them has left. A signal handler that closes the very socket
 * whose wait it interrupted cannot wait for that wait to end: the close is then finished by the
 * last user. Finalisers and interpreter exit close in the background.
 */
#include "engine.h"

#include <stdlib.h>

#define SIGNAL_PERIOD (40 * NS_PER_MS) /* how often the main thread looks for signals */
#define UNKNOWN_GRACE (20 * NS_PER_MS) /* for a library that cannot tell whether all has left */

static atomic_int pending_closes;

int amq_use(Handle *h)
{
    if (h->generation != atomic_load_explicit(&amq_generation, memory_order_relaxed))
        return amq_fail_forked(h);
    atomic_fetch_add(&h->users, 1);
    if (atomic_load(&h->state) != STATE_OPEN) {
        amq_unuse(h);
        return amq_fail_closed(h);
    }
    if (atomic_load_explicit(&amq_returned, memory_order_relaxed) != NULL)
        amq_take_returned();
    return 0;
}

/* Everything that closing needs once nobody uses the handle any more. */
typedef struct Closing {
    const anymq_ops *ops;
    void *sock;
    int64_t linger;
    int64_t deadline;
    int64_t grace_end;
} Closing;

static Closing closing_of(Handle *h)
{
    int64_t now = amq_now();
    Closing c = {h->ops, h->sock, h->linger, 0, 0};
    c.deadline = h->linger < 0 ? INT64_MAX : now + h->linger;
    c.grace_end = atomic_load(&h->last_send) + UNKNOWN_GRACE;
    return c;
}

/* How long to wait before looking again whether all has left; 0: no longer. */
static int64_t drain_pause(const Closing *c, int round)
{
    if ((c->ops->traits & ANYMQ_LINGERS) || c->linger == 0 || c->ops->drained == NULL)
        return 0;
    int drained = c->ops->drained(c->sock);
    int64_t now = amq_now();
    if (drained == 1 || now >= c->deadline)
        return 0;
    if (drained == ANYMQ_UNKNOWN && now >= c->grace_end)
        return 0;
    return round < 10 ? NS_PER_MS / 5 : round < 50 ? NS_PER_MS : 5 * NS_PER_MS;
}

static void close_native(const Closing *c)
{
    int64_t ms = c->linger < 0 ? -1 : (c->linger + NS_PER_MS - 1) / NS_PER_MS;
    c->ops->close(c->sock, ms);
}

static void *close_in_background(void *argument)
{
    Closing *c = argument;
    int64_t pause;
    for (int round = 0; (pause = drain_pause(c, round)) != 0; round++)
        amq_sleep(pause);
    close_native(c);
    free(c);
    atomic_fetch_sub(&pending_closes, 1);
    return NULL;
}

static void release_engine_side(Handle *h)
{
    if (h->traits & ANYMQ_TELLS) /* a wait that began while it was being closed */
        h->ops->forgo(h->sock, WATCH_ALL);
    amq_hub_stop(h);
    amq_stash_free(h);
    amq_events_free(h);
    int wake = atomic_exchange(&h->wake, -1);
    if (wake >= 0)
        amq_wake_close(wake);
}

/* Nobody uses the handle: close its socket without making this thread wait. */
static void hand_over(Handle *h)
{
    release_engine_side(h);
    Closing c = closing_of(h);
    atomic_store(&h->state, STATE_CLOSED);
    h->sock = NULL;
    Closing *copy = malloc(sizeof *copy);
    if (copy != NULL) {
        *copy = c;
        pthread_t thread;
        atomic_fetch_add(&pending_closes, 1);
        if (amq_thread_start(&thread, close_in_background, copy) == 0) {
            pthread_detach(thread);
            return;
        }
        atomic_fetch_sub(&pending_closes, 1);
        free(copy);
    }
    close_native(&c);
}

void amq_unuse(Handle *h)
{
    if (atomic_fetch_sub(&h->users, 1) == 1 && atomic_load(&h->state) != STATE_OPEN &&
        atomic_exchange(&h->deferred, 0))
        hand_over(h);
}

/* Mark the handle closed and wake all who wait. False if somebody else already has. */
static bool begin_close(Handle *h)
{
    int expected = STATE_OPEN;
    if (!atomic_compare_exchange_strong(&h->state, &expected, STATE_CLOSING))
        return false;
    int wake = atomic_load(&h->wake);
    if (wake >= 0)
        amq_wake_set(wake);
    amq_watches_tell(h, WATCH_ALL);
    if (h->ops->interrupt != NULL) {
        Py_BEGIN_ALLOW_THREADS /* it takes a lock, whose holder may wait for the interpreter's */
        h->ops->interrupt(h->sock);
        Py_END_ALLOW_THREADS
    }
    return true;
}

/* Without the interpreter lock. False when `limit` (monotonic ns) came first. */
static bool wait_for_users(Handle *h, int64_t limit)
{
    for (int round = 0; atomic_load(&h->users) > 0; round++) {
        int wake = atomic_load(&h->wake); /* may have been made after begin_close looked */
        if (wake >= 0)
            amq_wake_set(wake);
        if (amq_now() >= limit)
            return false;
        amq_sleep(round < 20 ? NS_PER_MS / 50 : NS_PER_MS);
    }
    return true;
}

/* The child's copy of a parent's socket: forget it, touch nothing. */
static bool forget_if_forked(Handle *h)
{
    if (h->generation == atomic_load(&amq_generation))
        return false;
    atomic_store(&h->state, STATE_CLOSED);
    return true;
}

int amq_close(Handle *h)
{
    if (forget_if_forked(h) || !begin_close(h))
        return 0;
    bool main = amq_in_main_thread();
    if (main && atomic_load(&h->parked) > 0) {
        atomic_store(&h->deferred, 1);
        return 0;
    }
    int result = 0;
    PyThreadState *thread = PyEval_SaveThread();
    wait_for_users(h, INT64_MAX);
    release_engine_side(h);
    Closing c = closing_of(h);
    int64_t pause, checked = amq_now();
    for (int round = 0; (pause = drain_pause(&c, round)) != 0; round++) {
        amq_sleep(pause);
        if (main && amq_now() - checked >= SIGNAL_PERIOD) {
            result = amq_check_signals(h, &thread);
            if (result != 0) {
                c.linger = 0;
                break;
            }
            checked = amq_now();
        }
    }
    close_native(&c);
    h->sock = NULL;
    atomic_store(&h->state, STATE_CLOSED);
    PyEval_RestoreThread(thread);
    return result == 0 ? 0 : -1;
}

void amq_abandon(Handle *h, bool may_have_users)
{
    if (forget_if_forked(h) || !begin_close(h))
        return;
    if (may_have_users) {
        if (amq_in_main_thread() && atomic_load(&h->parked) > 0) {
            atomic_store(&h->deferred, 1);
            return;
        }
        bool left;
        Py_BEGIN_ALLOW_THREADS
        left = wait_for_users(h, amq_now() + 2 * NS_PER_S);
        Py_END_ALLOW_THREADS
        if (!left)
            return; /* a thread that never comes back keeps its socket; the process is ending */
    }
    hand_over(h);
}

int amq_pending_closes(int64_t timeout)
{
    int64_t deadline = timeout < 0 ? INT64_MAX : amq_now() + timeout;
    bool raised = false;
    Py_BEGIN_ALLOW_THREADS
    int64_t checked = amq_now();
    while (atomic_load(&pending_closes) > 0 && amq_now() < deadline && !raised) {
        amq_sleep(NS_PER_MS / 2);
        if (amq_now() - checked >= SIGNAL_PERIOD) {
            Py_BLOCK_THREADS
            raised = PyErr_CheckSignals() < 0;
            Py_UNBLOCK_THREADS
            checked = amq_now();
        }
    }
    Py_END_ALLOW_THREADS
    return raised ? -1 : atomic_load(&pending_closes);
}

void amq_forget_pending(void)
{
    atomic_store(&pending_closes, 0);
}
