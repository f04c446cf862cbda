/* Direct: `send` and `recv` of sockets and contexts, as methods of their base type.
 *
 * They are called once a message, and a function of Python between the program and the handle would
 * take longer than the handle does. So these two, alone of a socket's calls, are read here as Python
 * would read `def send(self, data, *, timeout=DEFAULT)`.
 */
#include "engine.h"

typedef struct Direct {
    PyObject_HEAD
    PyObject *handle;
} Direct;

static PyObject *DEFAULT; /* of anymq._limits */

/* Put the arguments of `name` in the order in which the handle takes them: `data`, unless it is NULL, and
 * the time limit where there is one. How many these are, or -1. */
static Py_ssize_t in_order(const char *name, const char *data, PyObject *const *args,
                           Py_ssize_t nargs, PyObject *keywords, PyObject *ordered[2])
{
    Py_ssize_t wanted = data != NULL, named = keywords != NULL ? PyTuple_Size(keywords) : 0;
    PyObject *limit = NULL;
    if (nargs > wanted) {
        PyErr_Format(PyExc_TypeError, "%s() takes %zd positional argument%s but %zd were given", name,
                     wanted, wanted == 1 ? "" : "s", nargs);
        return -1;
    }
    ordered[0] = nargs > 0 ? args[0] : NULL;
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *word = PyTuple_GetItem(keywords, i), *value = args[nargs + i];
        if (PyUnicode_CompareWithASCIIString(word, "timeout") == 0) {
            limit = value;
        } else if (data != NULL && ordered[0] == NULL &&
                   PyUnicode_CompareWithASCIIString(word, data) == 0) {
            ordered[0] = value;
        } else {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", name, word);
            return -1;
        }
    }
    if (wanted == 1 && ordered[0] == NULL) {
        PyErr_Format(PyExc_TypeError, "%s() missing 1 required argument: '%s'", name, data);
        return -1;
    }
    if (limit == NULL || limit == DEFAULT)
        return wanted;
    ordered[wanted] = limit;
    return wanted + 1;
}

/* The handle, kept for the length of the call, or NULL. */
static Handle *handle_of(Direct *d)
{
    if (d->handle == NULL)
        PyErr_SetString(PyExc_AttributeError, "it was not opened");
    return (Handle *)Py_XNewRef(d->handle);
}

static PyObject *direct_send(Direct *d, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
    PyObject *ordered[2];
    if (nargs != 1 || keywords != NULL) {
        nargs = in_order("send", "data", args, nargs, keywords, ordered);
        args = ordered;
    }
    Handle *h = nargs < 0 ? NULL : handle_of(d);
    if (h == NULL)
        return NULL;
    PyObject *result = amq_send(h, args, nargs);
    Py_DECREF(h);
    return result;
}

static PyObject *direct_recv(Direct *d, PyObject *const *args, Py_ssize_t nargs, PyObject *keywords)
{
    PyObject *ordered[2];
    if (nargs != 0 || keywords != NULL) {
        nargs = in_order("recv", NULL, args, nargs, keywords, ordered);
        args = ordered;
    }
    Handle *h = nargs < 0 ? NULL : handle_of(d);
    if (h == NULL)
        return NULL;
    PyObject *result = amq_recv(h, args, nargs);
    Py_DECREF(h);
    return result;
}

static int direct_traverse(Direct *d, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)d));
    Py_VISIT(d->handle);
    return 0;
}

static int direct_clear(Direct *d)
{
    Py_CLEAR(d->handle);
    return 0;
}

static void direct_dealloc(Direct *d)
{
    PyTypeObject *type = Py_TYPE((PyObject *)d);
    PyObject_GC_UnTrack(d);
    Py_CLEAR(d->handle);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(d);
    Py_DECREF(type);
}

static PyObject *get_handle(Direct *d, void *Py_UNUSED(closure))
{
    if (d->handle == NULL)
        PyErr_SetString(PyExc_AttributeError, "_handle");
    return Py_XNewRef(d->handle);
}

static int set_handle(Direct *d, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL || !PyObject_TypeCheck(value, amq_handle_class)) {
        PyErr_SetString(PyExc_TypeError, "_handle is a Handle");
        return -1;
    }
    PyObject *before = d->handle;
    d->handle = Py_NewRef(value);
    Py_XDECREF(before);
    return 0;
}

#define CALL(name, text)                                                                       \
    {#name, (PyCFunction)(void (*)(void))direct_##name, METH_FASTCALL | METH_KEYWORDS, text}

static PyMethodDef methods[] = {
    CALL(send,
         PyDoc_STR("send($self, data, *, timeout=...)\n--\n\n"
                   "Send one message, whole or not at all.\n\n"
                   "Raises:\n"
                   "    Timeout: no peer took it in time (`WouldBlock` for `timeout=0`); nothing was sent.\n"
                   "    StateError: the protocol does not allow it, or not now.\n"
                   "    TypeError: not bytes-like.\n")),
    CALL(recv,
         PyDoc_STR("recv($self, *, timeout=...)\n--\n\n"
                   "Receive one message.\n\n"
                   "Raises:\n"
                   "    Timeout: none came in time (`WouldBlock` for `timeout=0`).\n"
                   "    StateError: the protocol does not allow it, or not now; or the message has several\n"
                   "        parts, and stays receivable with `recv_parts`.\n")),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"_handle", (getter)get_handle, (setter)set_handle, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("Sends and receives one message after another.")},
    {Py_tp_dealloc, direct_dealloc},
    {Py_tp_traverse, direct_traverse},
    {Py_tp_clear, direct_clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "anymq._engine.Direct",
    .basicsize = sizeof(Direct),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

PyObject *amq_direct_type(void)
{
    PyObject *limits = PyImport_ImportModule("anymq._limits");
    DEFAULT = limits != NULL ? PyObject_GetAttrString(limits, "DEFAULT") : NULL;
    Py_XDECREF(limits);
    return DEFAULT == NULL ? NULL : PyType_FromSpec(&spec);
}
