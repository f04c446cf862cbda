/* Trying and waiting.
 *
 * There are two kinds of waits. Readiness: attempt, and while the library says that it would block, poll
 * its descriptor together with the handle's wake-up, then attempt again. Native: let the library attempt
 * and block, in slices where signals matter. Before either, an answer that is expected soon is looked for
 * (look.c).
 *
 * With an edge-triggered descriptor (libzmq) any call may consume the edge that another thread
 * sleeps for. So whoever has used the socket looks at its events before unlocking and wakes those
 * who wait for what is ready; they do the same in turn. They are woken once, until one of them comes.
 *
 * Only the main thread runs Python's signal handlers. It never sleeps longer than a slice, because
 * the system may deliver a signal to any thread, or just before the sleep begins.
 */
#include "engine.h"

#include <sched.h>

#define SLICE (50 * NS_PER_MS)
#define RETRY_MAX (10 * NS_PER_MS) /* between attempts where the library has nothing to poll */

void amq_lock(Handle *h)
{
    if (!(h->traits & ANYMQ_NEEDS_LOCK) || pthread_mutex_trylock(&h->lock) == 0)
        return;
    Py_BEGIN_ALLOW_THREADS
    pthread_mutex_lock(&h->lock);
    Py_END_ALLOW_THREADS
}

void amq_lock_raw(Handle *h)
{
    if (h->traits & ANYMQ_NEEDS_LOCK)
        pthread_mutex_lock(&h->lock);
}

int amq_events(Handle *h)
{
    int stashed = atomic_load_explicit(&h->stashed, memory_order_relaxed) ? ANYMQ_READABLE : 0;
    return h->ops->events(h->sock) | stashed;
}

/* Wake those who wait for what is ready. */
static void tell(Handle *h, int ready)
{
    int told = ready & atomic_load_explicit(&h->watched, memory_order_relaxed);
    if (told)
        amq_watches_tell(h, told);
    bool wanted = (ready & ANYMQ_READABLE && h->waiting[ANYMQ_READABLE]) ||
                  (ready & ANYMQ_WRITABLE && h->waiting[ANYMQ_WRITABLE]);
    if (wanted && !atomic_exchange(&h->woken, true))
        amq_wake_set(atomic_load(&h->wake));
}

/* The same after the socket was used. While somebody woken has yet to look there is nothing to add: that
 * thread comes here, too. Else each message sent meanwhile would cost three system calls. */
static void settle(Handle *h)
{
    if (!(h->traits & ANYMQ_EDGE))
        return;
    bool sleepers = (h->waiting[ANYMQ_READABLE] | h->waiting[ANYMQ_WRITABLE]) != 0;
    if ((sleepers && !atomic_load(&h->woken)) ||
        atomic_load_explicit(&h->watched, memory_order_relaxed) != 0)
        tell(h, amq_events(h));
}

void amq_unlock(Handle *h)
{
    if (!(h->traits & ANYMQ_NEEDS_LOCK))
        return;
    settle(h);
    pthread_mutex_unlock(&h->lock);
}

void amq_unlock_ready(Handle *h, int ready)
{
    if (h->traits & ANYMQ_EDGE)
        tell(h, ready);
    if (h->traits & ANYMQ_NEEDS_LOCK)
        pthread_mutex_unlock(&h->lock);
}

/* One attempt, with the handle locked. libzmq's "would block" of a send can be stale, which its events
 * tell, if not here then before the wait that follows; a receive has looked for news itself. */
static int attempt(Handle *h, Operation *op)
{
    int result = op->attempt(h, op);
    if (h->traits & ANYMQ_EDGE && op->direction == ANYMQ_WRITABLE && !op->once)
        for (int i = 0; i < 2 && result == ANYMQ_AGAIN; i++) {
            if (!(h->ops->events(h->sock) & op->direction))
                break;
            result = op->attempt(h, op);
        }
    return result;
}

/* Who is going to sleep when an attempt fails. While a thread sleeps it is enlisted in `waiting`, under
 * the same lock under which its last attempt failed, so that nobody can take its edge unseen. */
typedef struct Sleeper {
    int fd; /* what to poll */
    bool enlisted;
} Sleeper;

/* One attempt with the handle locked, which it unlocks. `s` is NULL where nobody would sleep. */
static int attempt_and_unlock(Handle *h, Operation *op, Sleeper *s)
{
    int *waiting = &h->waiting[op->direction];
    if (s != NULL && s->enlisted)
        *waiting -= 1;
    int result = attempt(h, op);
    if (s != NULL) {
        s->enlisted = h->traits & ANYMQ_EDGE && result == ANYMQ_AGAIN &&
                      atomic_load_explicit(&h->wake, memory_order_relaxed) >= 0;
        if (result == ANYMQ_AGAIN)
            s->fd = h->ops->wait_fd(h->sock, op->direction);
    }
    if (h->traits & ANYMQ_NEEDS_LOCK) {
        settle(h);
        if (s != NULL)
            *waiting += s->enlisted;
        pthread_mutex_unlock(&h->lock);
    }
    return result;
}

int amq_try(Handle *h, Operation *op)
{
    return amq_run(h, op, 0);
}

int amq_wake_fd(Handle *h)
{
    int fd = atomic_load(&h->wake);
    if (fd >= 0)
        return fd;
    int made = amq_wake_open(); /* -1 when descriptors have run out: slices still work */
    int expected = -1;
    if (made >= 0 && !atomic_compare_exchange_strong(&h->wake, &expected, made)) {
        amq_wake_close(made);
        return expected;
    }
    return made;
}

int amq_check_signals(Handle *h, PyThreadState **thread)
{
    PyEval_RestoreThread(*thread);
    atomic_fetch_add(&h->parked, 1);
    int raised = PyErr_CheckSignals();
    atomic_fetch_sub(&h->parked, 1);
    *thread = PyEval_SaveThread();
    return raised < 0 ? AMQ_RAISED : 0;
}

int amq_pause(Handle *h, int fd, int64_t ns, PyThreadState **thread)
{
    static int64_t checked; /* when signals were looked for; the main thread's own */
    bool main = amq_in_main_thread();
    int wake = amq_wake_fd(h);
    if ((main || wake < 0) && (ns < 0 || ns > SLICE))
        ns = SLICE;
    int ready = amq_poll(fd, wake, ns);
    if (!amq_is_open(h))
        return ANYMQ_INTERRUPTED;
    if (ready > 0 && ready & 2) {
        amq_wake_clear(wake);
        atomic_store(&h->woken, false); /* only now: else one set in between could be cleared unseen */
    }
    if (main && (ready <= 0 || amq_now() - checked >= SLICE)) {
        checked = amq_now();
        if (amq_check_signals(h, thread) != 0)
            return AMQ_RAISED;
        if (!amq_is_open(h))
            return ANYMQ_INTERRUPTED;
    }
    return 0;
}

static int64_t time_left(int64_t deadline)
{
    if (deadline == INT64_MAX)
        return FOREVER;
    int64_t left = deadline - amq_now();
    return left > 0 ? left : 0;
}

static int64_t deadline_of(int64_t timeout)
{
    return timeout < 0 ? INT64_MAX : amq_now() + timeout;
}

/* Let the library block. That is an attempt, too, so that none is made before; and so it is asked once at
 * least, however short the time is. */
static inline int run_native(Handle *h, Operation *op, int64_t left, int64_t deadline,
                             PyThreadState **thread)
{
    bool main = amq_in_main_thread();
    for (; left != 0; left = time_left(deadline)) {
        if (main && (left < 0 || left > SLICE))
            left = SLICE;
        int64_t ms = left < 0 ? -1 : (left + NS_PER_MS - 1) / NS_PER_MS;
        int result = op->native(h, op, (int)ms);
        if (result != ANYMQ_AGAIN)
            return result;
        if (main && amq_check_signals(h, thread) != 0)
            return AMQ_RAISED;
        if (!amq_is_open(h))
            return ANYMQ_INTERRUPTED;
    }
    return ANYMQ_AGAIN;
}

/* Poll and attempt, after a first attempt that failed. Where that could not enlist the sleeper,
 * because there was nothing to wake it with yet, it is made again. */
static int run_readiness(Handle *h, Operation *op, int64_t deadline, Sleeper *s,
                         PyThreadState **thread)
{
    int64_t retry = NS_PER_MS;
    bool again = h->traits & ANYMQ_EDGE && !s->enlisted;
    int result;
    amq_wake_fd(h);
    for (;;) {
        if (again) {
            amq_lock_raw(h);
            result = attempt_and_unlock(h, op, s);
            if (result != ANYMQ_AGAIN)
                return result;
        }
        again = true;
        int64_t left = time_left(deadline);
        if (left == 0) {
            result = ANYMQ_AGAIN;
            break;
        }
        if (s->fd < 0 && (left < 0 || left > retry)) {
            left = retry;
            retry = retry * 2 > RETRY_MAX ? RETRY_MAX : retry * 2;
        }
        result = amq_pause(h, s->fd, left, thread);
        if (result != 0)
            break;
    }
    if (s->enlisted) {
        amq_lock_raw(h);
        h->waiting[op->direction] -= 1;
        amq_unlock(h);
    }
    return result;
}

/* Attempt until then, for an answer that is expected soon. */
static int look(Handle *h, Operation *op, int64_t until, Sleeper *s)
{
    int result = ANYMQ_AGAIN;
    while (result == ANYMQ_AGAIN && amq_is_open(h) && amq_now() < until) {
        sched_yield(); /* whoever works at the answer comes first */
        amq_lock_raw(h);
        result = attempt_and_unlock(h, op, s);
    }
    return result;
}

static bool waits_for_answer(Handle *h, const Operation *op)
{
    return op->direction == ANYMQ_READABLE && amq_look_asked(h);
}

/* After an attempt that failed; or before any (`s` is NULL), where the library blocks itself. */
static inline int wait_for(Handle *h, Operation *op, int64_t left, int64_t deadline, Sleeper *s,
                           PyThreadState **thread)
{
    return s == NULL ? run_native(h, op, left, deadline, thread)
                     : run_readiness(h, op, deadline, s, thread);
}

/* The same, and the answer is looked for first where it is expected soon. Out of the way of streams, whose
 * path is shorter without it. */
static __attribute__((noinline)) int wait_for_answer(Handle *h, Operation *op, int64_t timeout,
                                                     Sleeper *s, PyThreadState **thread)
{
    int64_t began = amq_now(), left = timeout, deadline = timeout < 0 ? INT64_MAX : began + timeout;
    int64_t until = amq_look_begin(h, began);
    int result = ANYMQ_AGAIN;
    if (until != 0) {
        result = look(h, op, until < deadline ? until : deadline, s);
        amq_look_end();
        left = time_left(deadline);
        left = left == 0 ? 1 : left;
    }
    if (result == ANYMQ_AGAIN)
        result = wait_for(h, op, left, deadline, s, thread);
    if (result == ANYMQ_OK)
        amq_look_answered(h, amq_now() - began);
    return result;
}

/* The interpreter lock is released once, for the first attempt and for the wait after it; or for the wait
 * alone where attempts are quick. */
int amq_run(Handle *h, Operation *op, int64_t timeout)
{
    bool waits = timeout != 0, native = waits && h->traits & ANYMQ_NATIVE_WAIT;
    bool quick = op->brief && h->traits & ANYMQ_SHORT_TRY && !native;
    Sleeper sleeper = {-1, false};
    PyThreadState *thread = quick ? NULL : PyEval_SaveThread();
    int result;
    if (native) {
        result = waits_for_answer(h, op) ? wait_for_answer(h, op, timeout, NULL, &thread)
                                         : wait_for(h, op, timeout, deadline_of(timeout), NULL, &thread);
    } else {
        if (quick)
            amq_lock(h);
        else
            amq_lock_raw(h);
        result = attempt_and_unlock(h, op, waits ? &sleeper : NULL);
        if (result == ANYMQ_AGAIN && waits) {
            if (thread == NULL)
                thread = PyEval_SaveThread();
            result = waits_for_answer(h, op)
                         ? wait_for_answer(h, op, timeout, &sleeper, &thread)
                         : wait_for(h, op, timeout, deadline_of(timeout), &sleeper, &thread);
        }
    }
    if (thread != NULL)
        PyEval_RestoreThread(thread);
    return result;
}
