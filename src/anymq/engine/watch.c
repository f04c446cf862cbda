/* Watch: what one event loop knows of one socket.
 *
 * A watch has one descriptor, which the loop registers once, for as long as it uses the socket.
 * Behind it are the library's own descriptors and a wake-up of the watch, all edge-triggered: a
 * message that nobody waits for wakes the loop once and not again and again. A descriptor that tells
 * what nobody waits for is left out until somebody does. A socket that tells of itself (a context) needs
 * the wake-up alone, so that hundreds cost a descriptor each and no more.
 *
 * The order that loses nothing: attempt; when it would block, want() the direction; sleep. What
 * happens after that makes an edge. What happened before need not: an edge-triggered library
 * (libzmq) may have told somebody else, and the descriptor of another may have stayed ready, since
 * the attempt itself brought the next message in. So want() asks whether to attempt again at once;
 * what libzmq tells somebody else after that, settle() in wait.c tells.
 */
#include "engine.h"

#include <string.h>
#include <structmember.h>

enum { WOKEN = 4 }; /* beside the directions, in what the group tells */

typedef struct Watch {
    PyObject_HEAD
    Handle *handle;
    WatchLink link;
    int fd;       /* what the loop watches: the group, or the wake-up where that is all */
    int group;    /* descriptor of all descriptors; -1 where the socket tells (ANYMQ_TELLS) */
    int known[3]; /* the library's descriptors in the group, by direction; -1: none */
} Watch;

static void lock_links(Handle *h)
{
    pthread_mutex_lock(&h->watch_lock);
}

static void unlock_links(Handle *h)
{
    pthread_mutex_unlock(&h->watch_lock);
}

void amq_watches_tell(Handle *h, int ready)
{
    lock_links(h);
    for (WatchLink *link = h->watches; link != NULL; link = link->next)
        if (link->wanted & ready || ready == WATCH_ALL) {
            link->told |= ready;
            amq_wake_set(link->wake);
        }
    unlock_links(h);
}

/* Sum of what all loops want; read without a lock where a stale value does no harm. */
static void note_wanted(Handle *h)
{
    int wanted = 0;
    for (WatchLink *link = h->watches; link != NULL; link = link->next)
        wanted |= link->wanted;
    atomic_store(&h->watched, wanted);
}

void amq_watch_link(Handle *h, WatchLink *link)
{
    lock_links(h);
    link->next = h->watches;
    h->watches = link;
    unlock_links(h);
}

void amq_watch_unlink(Handle *h, WatchLink *link)
{
    lock_links(h);
    for (WatchLink **at = &h->watches; *at != NULL; at = &(*at)->next)
        if (*at == link) {
            *at = link->next;
            break;
        }
    note_wanted(h);
    unlock_links(h);
}

void amq_watch_want(Handle *h, WatchLink *link, int wanted)
{
    lock_links(h);
    link->wanted = wanted;
    note_wanted(h);
    unlock_links(h);
}

static void set_wanted(Watch *w, int add, int remove)
{
    lock_links(w->handle);
    w->link.wanted = (w->link.wanted | add) & ~remove;
    note_wanted(w->handle);
    unlock_links(w->handle);
}

static PyObject *watch_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *object;
    if (!PyArg_ParseTuple(args, "O:Watch", &object))
        return NULL;
    if (Py_TYPE(object) != amq_handle_class) {
        PyErr_SetString(PyExc_TypeError, "Watch takes a Handle");
        return NULL;
    }
    Handle *h = (Handle *)object;
    if (amq_use(h) < 0)
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Watch *w = (Watch *)allocate(type, 0);
    if (w != NULL) {
        w->known[1] = w->known[2] = -1;
        bool grouped = !(h->traits & ANYMQ_TELLS);
        w->group = grouped ? amq_group_open() : -1;
        w->link.wake = grouped && w->group < 0 ? -1 : amq_wake_open();
        w->fd = grouped ? w->group : w->link.wake;
        if (w->link.wake < 0 || (grouped && amq_group_add(w->group, w->link.wake, WOKEN) < 0)) {
            PyErr_SetFromErrno(PyExc_OSError);
            Py_CLEAR(w);
        } else {
            w->handle = (Handle *)Py_NewRef(object);
            amq_watch_link(h, &w->link);
        }
    }
    amq_unuse(h);
    return (PyObject *)w;
}

/* Nobody waits in these directions any more. */
static void forgo(Watch *w, int directions)
{
    Handle *h = w->handle;
    int ended = w->link.wanted & directions;
    set_wanted(w, 0, directions);
    ended &= ~atomic_load(&w->handle->watched); /* another loop may wait for it still */
    if (ended == 0 || h->ops->forgo == NULL)
        return;
    PyObject *type, *value, *traceback; /* this may run while an exception is on its way */
    PyErr_Fetch(&type, &value, &traceback);
    bool open = amq_use(h) == 0; /* or there is nothing left to be ended */
    PyErr_Restore(type, value, traceback);
    if (!open)
        return;
    Py_BEGIN_ALLOW_THREADS
    for (int direction = ANYMQ_READABLE; direction <= ANYMQ_WRITABLE; direction++)
        if (ended & direction)
            h->ops->forgo(h->sock, direction);
    Py_END_ALLOW_THREADS
    amq_unuse(h);
}

static PyObject *watch_close(Watch *w, PyObject *Py_UNUSED(ignored))
{
    Handle *h = w->handle;
    if (h != NULL) {
        forgo(w, WATCH_ALL);
        amq_watch_unlink(h, &w->link);
        w->handle = NULL;
        Py_DECREF((PyObject *)h);
    }
    if (w->link.wake >= 0)
        amq_wake_close(w->link.wake);
    if (w->group >= 0)
        amq_wake_close(w->group);
    w->link.wake = w->group = w->fd = -1;
    Py_RETURN_NONE;
}

static void watch_dealloc(Watch *w)
{
    PyTypeObject *type = Py_TYPE((PyObject *)w);
    Py_XDECREF(watch_close(w, NULL));
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(w);
    Py_DECREF(type);
}

static int check_open(Watch *w)
{
    if (w->handle != NULL)
        return 0;
    PyErr_SetString(PyExc_ValueError, "this watch is closed");
    return -1;
}

static void tell_watches(void *handle, int direction)
{
    amq_watches_tell(handle, direction);
}

/* want(direction): a wait begins, after an attempt that would block. True: attempt again at once. */
static PyObject *watch_want(Watch *w, PyObject *argument)
{
    long direction = PyLong_AsLong(argument);
    if (check_open(w) < 0)
        return NULL;
    Handle *h = w->handle;
    if (direction != ANYMQ_READABLE && direction != ANYMQ_WRITABLE) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "a direction is READABLE or WRITABLE");
        return NULL;
    }
    if (amq_use(h) < 0)
        return NULL;
    set_wanted(w, (int)direction, 0);
    if (h->traits & ANYMQ_TELLS) {
        Py_BEGIN_ALLOW_THREADS
        h->ops->ask(h->sock, (int)direction, tell_watches, h);
        Py_END_ALLOW_THREADS
        amq_unuse(h);
        return PyBool_FromLong(direction == ANYMQ_READABLE && atomic_load(&h->stashed));
    }
    amq_lock(h);
    PyThreadState *thread = h->traits & ANYMQ_SHORT_TRY ? NULL : PyEval_SaveThread();
    int fd = h->ops->wait_fd(h->sock, (int)direction);
    if (thread != NULL)
        PyEval_RestoreThread(thread);
    int ready = 0;
    if (h->traits & ANYMQ_EDGE)
        ready = h->ops->events(h->sock);
    else if (fd >= 0 && amq_poll(fd, -1, 0) > 0)
        /* what the library dropped may have been followed by more, without an edge between */
        ready = (int)direction;
    if (atomic_load(&h->stashed))
        ready |= ANYMQ_READABLE;
    bool again = ready & direction;
    if (again && h->traits & ANYMQ_EDGE)
        set_wanted(w, 0, (int)direction); /* it need not be told by itself */
    amq_unlock_ready(h, ready);
    int failed = 0;
    if (fd >= 0 && fd != w->known[direction]) {
        int other = w->known[ANYMQ_READABLE + ANYMQ_WRITABLE - direction];
        if (fd == other)
            failed = amq_group_change(w->group, fd, ANYMQ_READABLE | ANYMQ_WRITABLE);
        else
            failed = amq_group_add(w->group, fd, (int)direction);
        w->known[direction] = fd;
    }
    amq_unuse(h);
    if (failed < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (fd < 0) /* nothing to watch: the caller asks again after a while */
        Py_RETURN_NONE;
    return PyBool_FromLong(again);
}

/* Handle.ready(mask): of these directions, those that would not have to wait now. */
PyObject *amq_ready(Handle *h, PyObject *argument)
{
    long mask = PyLong_AsLong(argument);
    if (PyErr_Occurred() || amq_use(h) < 0)
        return NULL;
    int ready = 0;
    amq_lock(h);
    if (h->traits & ANYMQ_EDGE)
        ready = amq_events(h);
    else
        for (int direction = ANYMQ_READABLE; direction <= ANYMQ_WRITABLE; direction++)
            if (mask & direction && amq_poll(h->ops->wait_fd(h->sock, direction), -1, 0) > 0)
                ready |= direction;
    amq_unlock_ready(h, ready);
    if (atomic_load(&h->stashed))
        ready |= ANYMQ_READABLE;
    amq_unuse(h);
    return PyLong_FromLong(ready & mask);
}

/* Handle.fileno(direction): the library's own descriptor, or -1. */
PyObject *amq_fileno(Handle *h, PyObject *argument)
{
    long direction = PyLong_AsLong(argument);
    if (PyErr_Occurred() || amq_use(h) < 0)
        return NULL;
    amq_lock(h);
    int fd = h->ops->wait_fd(h->sock, (int)direction);
    amq_unlock(h);
    amq_unuse(h);
    return PyLong_FromLong(fd);
}

/* Leave out the descriptors of these directions. */
static void ignore(Watch *w, int directions)
{
    for (int direction = ANYMQ_READABLE; direction <= ANYMQ_WRITABLE; direction++)
        if (directions & direction && w->known[direction] >= 0) {
            amq_group_remove(w->group, w->known[direction]);
            w->known[direction] = -1;
        }
}

static int take_told(Watch *w)
{
    lock_links(w->handle);
    amq_wake_clear(w->link.wake);
    int told = w->link.told;
    w->link.told = 0;
    unlock_links(w->handle);
    return told;
}

/* poll(): the directions that are wanted and may be ready, which are then wanted no longer. */
static PyObject *watch_poll(Watch *w, PyObject *Py_UNUSED(ignored))
{
    if (check_open(w) < 0)
        return NULL;
    Handle *h = w->handle;
    int ready = w->group >= 0 ? amq_group_poll(w->group, w->link.wake) : take_told(w);
    int wanted = w->link.wanted;
    if (!amq_is_open(h))
        ready = wanted;
    else if (!(h->traits & ANYMQ_EDGE)) {
        ignore(w, ready & ~wanted);
        ready |= ready & WOKEN ? wanted : 0;
    } else if (wanted != 0 && ready != 0) {
        if (amq_use(h) < 0)
            return NULL;
        amq_lock(h);
        int events = amq_events(h);
        ready = events & wanted;
        set_wanted(w, 0, ready); /* it need not be told by itself */
        amq_unlock_ready(h, events);
        amq_unuse(h);
        return PyLong_FromLong(ready);
    }
    ready &= wanted;
    set_wanted(w, 0, ready);
    return PyLong_FromLong(ready);
}

/* leave(direction): nobody waits in this direction any more. */
static PyObject *watch_leave(Watch *w, PyObject *argument)
{
    long direction = PyLong_AsLong(argument);
    if (PyErr_Occurred())
        return NULL;
    if (w->handle != NULL)
        forgo(w, (int)direction & WATCH_ALL);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"want", (PyCFunction)(void (*)(void))watch_want, METH_O,
     PyDoc_STR("Begin to wait; True: attempt again, None: there is nothing to watch.")},
    {"leave", (PyCFunction)(void (*)(void))watch_leave, METH_O, PyDoc_STR("End a wait.")},
    {"poll", (PyCFunction)(void (*)(void))watch_poll, METH_NOARGS,
     PyDoc_STR("What may be ready of what is wanted.")},
    {"close", (PyCFunction)(void (*)(void))watch_close, METH_NOARGS,
     PyDoc_STR("Give the descriptors back.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"fd", T_INT, offsetof(Watch, fd), READONLY, PyDoc_STR("What a loop is to watch.")},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("What one event loop knows of one socket.")},
    {Py_tp_new, watch_new},
    {Py_tp_dealloc, watch_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "anymq._engine.Watch",
    .basicsize = sizeof(Watch),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

PyObject *amq_watch_type(void)
{
    return PyType_FromSpec(&spec);
}
