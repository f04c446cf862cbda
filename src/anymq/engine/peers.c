/* Peers, their events, and whether all has been sent: what a socket knows besides messages. */
#include "engine.h"

#include <stdlib.h>

#define SLICE (50 * NS_PER_MS)  /* another thread may have taken the news this one sleeps for */
#define RETRY_MAX (10 * NS_PER_MS)

/* libzmq exchanges subscriptions and notices peers only when the socket is used. */
static void pump(Handle *h)
{
    if (!(h->traits & ANYMQ_EDGE))
        return;
    amq_lock(h);
    h->ops->events(h->sock);
    amq_unlock(h);
}

/* One pause, with the interpreter lock held. 0, or -1 with an exception set. */
static int rest(Handle *h, int fd, int64_t ns)
{
    PyThreadState *thread = PyEval_SaveThread();
    int result = amq_pause(h, fd, ns, &thread);
    PyEval_RestoreThread(thread);
    if (result == ANYMQ_INTERRUPTED)
        return amq_fail_closed(h);
    if (result != 0)
        pump(h); /* the wake-up that the pause took may be for another thread, and no look follows */
    return result == 0 ? 0 : -1;
}

/* Sleep until there may be news or `left` is over (FOREVER: none). */
static int pause_for_news(Handle *h, int64_t left, int64_t *retry)
{
    int fd = h->ops->peer_fd != NULL ? h->ops->peer_fd(h->sock) : -1;
    int64_t ns = fd < 0 || h->traits & ANYMQ_EDGE ? *retry : SLICE;
    *retry = *retry * 2 > RETRY_MAX ? RETRY_MAX : *retry * 2;
    return rest(h, fd, left >= 0 && left < ns ? left : ns);
}

static int64_t left_until(int64_t deadline)
{
    int64_t left = deadline == FOREVER ? FOREVER : deadline - amq_now();
    return deadline != FOREVER && left < 0 ? 0 : left;
}

PyObject *amq_peers(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    unsigned long endpoint = nargs > 0 ? PyLong_AsUnsignedLong(args[0]) : 0;
    if (PyErr_Occurred() || amq_use(h) < 0)
        return NULL;
    pump(h);
    int count = h->ops->peers(h->sock, (uint32_t)endpoint);
    amq_unuse(h);
    return PyLong_FromLong(count);
}

PyObject *amq_wait_peers(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t timeout, retry = NS_PER_MS;
    if (nargs != 3) {
        PyErr_SetString(PyExc_TypeError, "wait_peers(n, endpoint, timeout)");
        return NULL;
    }
    long n = PyLong_AsLong(args[0]);
    unsigned long endpoint = PyLong_AsUnsignedLong(args[1]);
    if (PyErr_Occurred() || amq_timeout_from(args[2], &timeout) < 0 || amq_use(h) < 0)
        return NULL;
    int64_t deadline = timeout < 0 ? FOREVER : amq_now() + timeout;
    int reached = 0;
    for (;;) {
        pump(h);
        reached = h->ops->peers(h->sock, (uint32_t)endpoint) >= n;
        int64_t left = left_until(deadline);
        if (reached || left == 0)
            break;
        if (pause_for_news(h, left, &retry) < 0) {
            reached = -1;
            break;
        }
    }
    amq_unuse(h);
    return reached < 0 ? NULL : PyBool_FromLong(reached);
}

/* An event that was taken from the library but not yet by the program. */
typedef struct Event {
    struct Event *next;
    anymq_event native;
} Event;

void amq_events_free(Handle *h)
{
    while (h->events != NULL) {
        Event *event = h->events;
        h->events = event->next;
        free(event);
    }
}

/* The next event, of those that went back first. */
static bool take_event(Handle *h, Event **event)
{
    if (h->events == NULL)
        return h->ops->next_event != NULL && h->ops->next_event(h->sock, &(*event)->native) == 1;
    free(*event);
    *event = h->events;
    h->events = (*event)->next;
    return true;
}

/* What `make` (NULL: nothing) makes of the event as a tuple. */
static PyObject *event_object(anymq_event *e, PyObject *make)
{
    e->address[sizeof e->address - 1] = '\0';
    PyObject *tuple = Py_BuildValue("isILii", e->kind, e->address, (unsigned)e->peer,
                                    (long long)e->time_ns, e->native, e->code);
    if (tuple == NULL || make == NULL)
        return tuple;
    PyObject *made = PyObject_CallFunctionObjArgs(make, tuple, NULL);
    Py_DECREF(tuple);
    return made;
}

/* next_event(timeout, make): an event that cannot be given to the program is the next call's. */
PyObject *amq_next_event(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t timeout, retry = NS_PER_MS;
    if (amq_timeout_arg(args, nargs, 0, FOREVER, &timeout) < 0 || amq_use(h) < 0)
        return NULL;
    Event *event = malloc(sizeof *event); /* made before, so that it takes no memory to keep it */
    if (event == NULL) {
        amq_unuse(h);
        return PyErr_NoMemory();
    }
    int64_t deadline = timeout < 0 ? FOREVER : amq_now() + timeout;
    PyObject *result = NULL;
    for (;;) {
        pump(h);
        if (take_event(h, &event)) {
            result = event_object(&event->native, nargs > 1 ? args[1] : NULL);
            if (result == NULL) {
                event->next = h->events;
                h->events = event;
                event = NULL;
            }
            break;
        }
        int64_t left = left_until(deadline);
        if (left == 0) {
            result = Py_NewRef(Py_None);
            break;
        }
        if (pause_for_news(h, left, &retry) < 0)
            break;
    }
    free(event);
    amq_unuse(h);
    return result;
}

PyObject *amq_flush(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t timeout;
    if (amq_timeout_arg(args, nargs, 0, FOREVER, &timeout) < 0 || amq_use(h) < 0)
        return NULL;
    int64_t deadline = timeout < 0 ? FOREVER : amq_now() + timeout;
    int drained, result = 0;
    for (int round = 0;; round++) {
        amq_lock(h);
        drained = h->ops->drained != NULL ? h->ops->drained(h->sock) : ANYMQ_UNKNOWN;
        amq_unlock(h);
        int64_t left = left_until(deadline), ns = round < 20 ? NS_PER_MS / 5 : 2 * NS_PER_MS;
        if (drained != 0 || left == 0)
            break;
        result = rest(h, -1, left >= 0 && left < ns ? left : ns);
        if (result != 0)
            break;
    }
    amq_unuse(h);
    return result != 0 ? NULL : PyBool_FromLong(drained == 1);
}
