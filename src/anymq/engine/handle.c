/* The Handle type: construction, attributes, the lock as a context manager, collection. */
#include "engine.h"

#include <string.h>
#include <structmember.h>

/* A function that a table of these traits must have and has not, or NULL. */
static const char *lacking(const anymq_ops *ops)
{
#define NEEDS(function)                                                                     \
    if (ops->function == NULL)                                                              \
        return #function;
    NEEDS(msg_init) NEEDS(msg_release) NEEDS(try_send) NEEDS(try_recv) NEEDS(wait_fd)
    NEEDS(peers) NEEDS(close)
    if (ops->traits & ANYMQ_EDGE) {
        NEEDS(events)
    }
    if (ops->traits & ANYMQ_NATIVE_WAIT) {
        NEEDS(wait_send) NEEDS(wait_recv) NEEDS(interrupt)
    }
    if (ops->traits & ANYMQ_TELLS) {
        NEEDS(ask) NEEDS(forgo) NEEDS(interrupt)
    }
#undef NEEDS
    return NULL;
}

static PyObject *handle_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    if (kwargs != NULL && PyDict_Size(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "Handle takes positional arguments only");
        return NULL;
    }
    PyObject *ops_address, *sock_address, *error, *backend, *protocol, *owner;
    int can_send, can_recv;
    if (!PyArg_ParseTuple(args, "OOOUUppO:Handle", &ops_address, &sock_address, &error, &backend,
                          &protocol, &can_send, &can_recv, &owner))
        return NULL;
    const anymq_ops *ops = PyLong_AsVoidPtr(ops_address);
    void *sock = PyLong_AsVoidPtr(sock_address);
    if (PyErr_Occurred())
        return NULL;
    if (ops == NULL || sock == NULL || ops->abi != ANYMQ_OPS_ABI || ops->size != sizeof *ops) {
        PyErr_SetString(PyExc_ImportError,
                        "the backend was built for another version of anymq's engine");
        return NULL;
    }
    const char *missing = lacking(ops);
    if (missing != NULL || (ops->traits & (ANYMQ_EDGE | ANYMQ_NEEDS_LOCK)) == ANYMQ_EDGE)
        return PyErr_Format(PyExc_ImportError, "the backend's table of operations %s%s",
                            missing != NULL ? "lacks " : "is ANYMQ_EDGE without ANYMQ_NEEDS_LOCK",
                            missing != NULL ? missing : "");
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Handle *h = (Handle *)allocate(type, 0);
    if (h == NULL)
        return NULL;
    if (pthread_mutex_init(&h->lock, NULL) != 0) {
        Py_DECREF(h);
        return PyErr_NoMemory();
    }
    pthread_mutex_init(&h->watch_lock, NULL);
    h->ops = ops;
    h->sock = sock;
    h->traits = ops->traits;
    h->generation = atomic_load(&amq_generation);
    atomic_store(&h->wake, -1);
    h->can_send = can_send;
    h->can_recv = can_recv;
    h->send_timeout = h->recv_timeout = FOREVER;
    h->linger = 30 * NS_PER_S;
    h->error = Py_NewRef(error);
    h->backend = Py_NewRef(backend);
    h->protocol = Py_NewRef(protocol);
    h->owner = Py_NewRef(owner);
    atomic_store(&h->state, STATE_OPEN);
    return (PyObject *)h;
}

static int handle_traverse(Handle *h, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)h));
    Py_VISIT(h->error);
    Py_VISIT(h->owner);
    return 0;
}

static int handle_clear(Handle *h)
{
    Py_CLEAR(h->error);
    Py_CLEAR(h->owner);
    return 0;
}

static void handle_dealloc(Handle *h)
{
    PyTypeObject *type = Py_TYPE((PyObject *)h);
    PyObject_GC_UnTrack(h);
    if (h->sock != NULL) {
        amq_abandon(h, false);
        if (h->generation == atomic_load(&amq_generation)) {
            pthread_mutex_destroy(&h->lock);
            pthread_mutex_destroy(&h->watch_lock);
        }
    }
    Py_CLEAR(h->error);
    Py_CLEAR(h->backend);
    Py_CLEAR(h->protocol);
    Py_CLEAR(h->owner);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(h);
    Py_DECREF(type);
}

static PyObject *handle_close(Handle *h, PyObject *Py_UNUSED(ignored))
{
    if (amq_close(h) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *handle_abandon(Handle *h, PyObject *Py_UNUSED(ignored))
{
    amq_abandon(h, true);
    Py_RETURN_NONE;
}

static PyObject *handle_enter(Handle *h, PyObject *Py_UNUSED(ignored))
{
    if (amq_use(h) < 0)
        return NULL;
    PyObject *address = PyLong_FromVoidPtr(h->sock);
    if (address != NULL)
        amq_lock(h);
    else
        amq_unuse(h);
    return address;
}

static PyObject *handle_exit(Handle *h, PyObject *const *Py_UNUSED(args),
                             Py_ssize_t Py_UNUSED(nargs))
{
    amq_unlock(h);
    amq_unuse(h);
    Py_RETURN_FALSE;
}

static PyObject *get_closed(Handle *h, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(!amq_is_open(h));
}

static PyObject *get_answers(Handle *h, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(h->answers);
}

static int set_answers(Handle *h, PyObject *value, void *Py_UNUSED(closure))
{
    int truth = value != NULL ? PyObject_IsTrue(value) : -1;
    if (truth >= 0)
        h->answers = (char)truth;
    return truth < 0 ? -1 : 0;
}

static PyObject *get_time(Handle *h, void *offset)
{
    return amq_timeout_to(*(int64_t *)((char *)h + (size_t)offset));
}

static int set_time(Handle *h, PyObject *value, void *offset)
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "a time limit cannot be deleted");
        return -1;
    }
    return amq_timeout_from(value, (int64_t *)((char *)h + (size_t)offset));
}

static PyObject *get_count(Handle *h, void *offset)
{
    return PyLong_FromUnsignedLongLong(
        atomic_load((_Atomic uint64_t *)((char *)h + (size_t)offset)));
}

#define FAST(name, function, text) \
    {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, PyDoc_STR(text)}

/* A METH_FASTCALL function checks its own number of arguments: here, once for all. */
#define CHECKED(function, least, most)                                                        \
    static PyObject *checked_##function(Handle *h, PyObject *const *args, Py_ssize_t nargs)   \
    {                                                                                         \
        if (nargs < least || nargs > most)                                                    \
            return PyErr_Format(PyExc_TypeError, "wrong number of arguments: %zd", nargs);    \
        return function(h, args, nargs);                                                      \
    }

CHECKED(amq_send, 1, 2)
CHECKED(amq_send_many, 1, 2)
CHECKED(amq_send_parts, 1, 2)
CHECKED(amq_send_message, 2, 3)
CHECKED(amq_recv, 0, 1)
CHECKED(amq_recv_into, 1, 2)
CHECKED(amq_recv_many, 1, 2)
CHECKED(amq_recv_parts, 0, 1)
CHECKED(amq_recv_message, 0, 1)
CHECKED(amq_peers, 0, 1)
CHECKED(amq_wait_peers, 3, 3)
CHECKED(amq_next_event, 0, 2)
CHECKED(amq_flush, 0, 1)
CHECKED(amq_branch, 2, 2)

static PyMethodDef methods[] = {
    FAST("send", checked_amq_send, "Send one message."),
    FAST("send_many", checked_amq_send_many, "Send many messages; how many."),
    FAST("send_parts", checked_amq_send_parts, "Send one message of several parts."),
    FAST("send_message", checked_amq_send_message, "Send header and body."),
    FAST("recv", checked_amq_recv, "Receive one message."),
    {"send_nowait", (PyCFunction)(void (*)(void))amq_send_nowait, METH_O,
     PyDoc_STR("Send one message; False where that would have to wait.")},
    {"recv_nowait", (PyCFunction)(void (*)(void))amq_recv_nowait, METH_NOARGS,
     PyDoc_STR("Receive one message; None where there is none.")},
    {"recv_some", (PyCFunction)(void (*)(void))amq_recv_some, METH_O,
     PyDoc_STR("Receive up to so many messages of those that are there; perhaps none.")},
    {"ready", (PyCFunction)(void (*)(void))amq_ready, METH_O,
     PyDoc_STR("Of these directions, those that are ready.")},
    {"fileno", (PyCFunction)(void (*)(void))amq_fileno, METH_O,
     PyDoc_STR("The library's descriptor for a direction, or -1.")},
    {"give_back", (PyCFunction)(void (*)(void))amq_give_back, METH_O,
     PyDoc_STR("Make a message that was received the next one to be received.")},
    FAST("recv_into", checked_amq_recv_into, "Receive into a buffer; its size."),
    FAST("recv_many", checked_amq_recv_many, "Receive what there is, at least one."),
    FAST("recv_parts", checked_amq_recv_parts, "Receive all parts of one message."),
    FAST("recv_message", checked_amq_recv_message, "Receive (header, body, peer)."),
    FAST("peers", checked_amq_peers, "How many peers are connected."),
    FAST("wait_peers", checked_amq_wait_peers, "Wait for peers; False when the time is over."),
    FAST("next_event", checked_amq_next_event, "The next peer event, or None."),
    FAST("flush", checked_amq_flush, "Whether all that was sent has left."),
    FAST("branch", checked_amq_branch, "A context that the engine makes: its two addresses."),
    {"close", (PyCFunction)(void (*)(void))handle_close, METH_NOARGS,
     PyDoc_STR("Close within the linger.")},
    {"abandon", (PyCFunction)(void (*)(void))handle_abandon, METH_NOARGS,
     PyDoc_STR("Close in the background.")},
    {"__enter__", (PyCFunction)(void (*)(void))handle_enter, METH_NOARGS,
     PyDoc_STR("Keep the native socket open and locked; its address.")},
    FAST("__exit__", handle_exit, "Let go of the native socket."),
    {NULL, NULL, 0, NULL},
};

#define TIME(name, field) \
    {name, (getter)get_time, (setter)set_time, NULL, (void *)offsetof(Handle, field)}
#define COUNT(name, field) {name, (getter)get_count, NULL, NULL, (void *)offsetof(Handle, field)}

static PyGetSetDef attributes[] = {
    {"closed", (getter)get_closed, NULL, NULL, NULL},
    TIME("send_timeout", send_timeout),
    TIME("recv_timeout", recv_timeout),
    TIME("linger", linger),
    {"answers", (getter)get_answers, (setter)set_answers, NULL, NULL},
    COUNT("sent", sent),
    COUNT("received", received),
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("Drives one native socket.")},
    {Py_tp_new, handle_new},
    {Py_tp_dealloc, handle_dealloc},
    {Py_tp_traverse, handle_traverse},
    {Py_tp_clear, handle_clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "anymq._engine.Handle",
    .basicsize = sizeof(Handle),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

PyTypeObject *amq_handle_class;

PyObject *amq_handle_type(void)
{
    if (amq_handle_class == NULL)
        amq_handle_class = (PyTypeObject *)PyType_FromSpec(&spec);
    return Py_XNewRef((PyObject *)amq_handle_class);
}
