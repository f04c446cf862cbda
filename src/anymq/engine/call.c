/* Call: one awaiting send or receive, that mostly need not wait.
 *
 * It is what a coroutine is to whoever awaits it, without a frame: nothing happens before it is first
 * driven, it can be driven once, and one that never was warns when it is collected. Driven, it makes
 * its attempt, where the loop that runs is the one of the last call and nobody stands in line, and
 * is done when that succeeds. In every other case it hands over to a coroutine of Calls, and passes
 * on what it is sent and thrown.
 */
#include "calls.h"

enum {
    FRESH,   /* not driven yet */
    PAUSED,  /* others have their turn before it makes its attempt */
    BUSY,    /* in the middle of an attempt, in this thread or another */
    WAITING, /* the coroutine has taken over */
    OVER,
};

typedef struct Call {
    PyObject_HEAD
    Calls *calls;
    PyObject *owner; /* the socket or context, which is not collected meanwhile */
    PyObject *data;  /* what to send; NULL: receive */
    PyObject *limit; /* seconds or None; NULL: the handle's own */
    PyObject *coroutine;
    int stage;
} Call;

static PyTypeObject *call_class;

/* Memory of calls that are over; the interpreter lock guards it. */
#define SPARES_MAX 64
static Call *spares[SPARES_MAX];
static int spare_count;

PyObject *amq_call(Calls *calls, PyObject *owner, PyObject *data, PyObject *limit)
{
    Call *c;
    if (spare_count > 0) {
        c = spares[--spare_count];
        PyObject_Init((PyObject *)c, call_class);
        PyObject_GC_Track(c);
    } else {
        c = (Call *)PyType_GenericAlloc(call_class, 0);
        if (c == NULL)
            return NULL;
    }
    c->calls = (Calls *)Py_NewRef((PyObject *)calls);
    c->owner = Py_NewRef(owner);
    c->data = Py_XNewRef(data);
    c->limit = Py_XNewRef(limit);
    c->coroutine = NULL;
    c->stage = FRESH;
    return (PyObject *)c;
}

static const char *name_of(Call *c)
{
    return c->data != NULL ? "asend" : "arecv";
}

static int call_traverse(Call *c, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)c));
    Py_VISIT((PyObject *)c->calls);
    Py_VISIT(c->owner);
    Py_VISIT(c->data);
    Py_VISIT(c->limit);
    Py_VISIT(c->coroutine);
    return 0;
}

static void let_go(Call *c)
{
    Py_CLEAR(c->coroutine);
    Py_CLEAR(c->calls);
    Py_CLEAR(c->data);
    Py_CLEAR(c->limit);
    Py_CLEAR(c->owner);
}

static void warn_unawaited(Call *c)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1, "coroutine '%s' was never awaited",
                         name_of(c)) < 0)
        PyErr_WriteUnraisable(NULL);
    PyErr_Restore(type, value, traceback);
}

static int call_clear(Call *c)
{
    if (c->stage == FRESH)
        warn_unawaited(c);
    c->stage = OVER;
    let_go(c);
    return 0;
}

static void call_dealloc(Call *c)
{
    PyTypeObject *type = Py_TYPE((PyObject *)c);
    PyObject_GC_UnTrack(c);
    call_clear(c);
    if (spare_count < SPARES_MAX)
        spares[spare_count++] = c;
    else
        PyObject_GC_Del(c);
    Py_DECREF((PyObject *)type);
}

/* It is over, with this result. */
static PySendResult finish(Call *c, PyObject *result, PyObject **out)
{
    c->stage = OVER;
    let_go(c);
    *out = result;
    return result != NULL ? PYGEN_RETURN : PYGEN_ERROR;
}

/* Drive the coroutine that has taken over. */
static PySendResult pass_on(Call *c, PyObject *value, PyObject **out)
{
    c->stage = BUSY;
    PySendResult result = PyIter_Send(c->coroutine, value, out);
    if (result != PYGEN_NEXT)
        return finish(c, result == PYGEN_RETURN ? *out : NULL, out);
    c->stage = WAITING;
    return result;
}

static PySendResult hand_over(Call *c, PyObject *method, PyObject **out)
{
    PyObject *limit = Py_XNewRef(c->limit);
    if (limit == NULL) {
        Handle *h = c->calls->handle;
        limit = amq_timeout_to(c->data != NULL ? h->send_timeout : h->recv_timeout);
        if (limit == NULL)
            return finish(c, NULL, out);
    }
    PyObject *self = (PyObject *)c->calls;
    c->coroutine = c->data != NULL
                       ? PyObject_CallMethodObjArgs(self, method, limit, c->data, NULL)
                       : PyObject_CallMethodObjArgs(self, method, limit, NULL);
    Py_DECREF(limit);
    return c->coroutine != NULL ? pass_on(c, Py_None, out) : finish(c, NULL, out);
}

/* The attempt, unless others stand in line. */
static PySendResult attempt(Call *c, Turns *here, PyObject **out)
{
    Handle *h = c->calls->handle;
    Py_ssize_t before = PyObject_Size(c->data != NULL ? here->senders : here->receivers);
    if (before < 0)
        return finish(c, NULL, out);
    c->stage = BUSY; /* the interpreter lock may be released in there */
    if (before == 0 && c->data != NULL) {
        int sent = amq_send_attempt(h, c->data);
        if (sent != 0)
            return finish(c, sent > 0 ? Py_NewRef(Py_None) : NULL, out);
    } else if (before == 0) {
        PyObject *message = amq_recv_nowait(h, NULL);
        if (message != Py_None)
            return finish(c, message, out);
        Py_DECREF(message);
    }
    return hand_over(c, c->data != NULL ? amq_names.wait_to_send : amq_names.wait_to_recv, out);
}

static PySendResult call_drive(Call *c, PyObject *value, PyObject **out)
{
    *out = NULL;
    switch (c->stage) {
    case WAITING:
        return pass_on(c, value, out);
    case BUSY:
        PyErr_SetString(PyExc_ValueError, "coroutine already executing");
        return PYGEN_ERROR;
    case OVER:
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
        return PYGEN_ERROR;
    case FRESH:
        if (value == Py_None)
            break;
        PyErr_SetString(PyExc_TypeError,
                        "can't send non-None value to a just-started coroutine");
        return PYGEN_ERROR;
    }
    Turns *here = amq_turns_here(c->calls);
    if (here == NULL)
        return hand_over(c, c->data != NULL ? amq_names.send : amq_names.recv, out);
    if (c->stage == FRESH && --here->turn <= 0) {
        here->turn = TURN;
        c->stage = PAUSED;
        *out = Py_NewRef(Py_None);
        return PYGEN_NEXT;
    }
    return attempt(c, here, out);
}

/* As methods return it: what it yields, or NULL with StopIteration or another exception set. */
static PyObject *returned(PySendResult result, PyObject *value)
{
    if (result == PYGEN_RETURN) {
        PyErr_SetObject(PyExc_StopIteration, value == Py_None ? NULL : value);
        Py_CLEAR(value);
    }
    return value;
}

static PyObject *call_send(Call *c, PyObject *value)
{
    PyObject *out;
    PySendResult result = call_drive(c, value, &out);
    return returned(result, out);
}

static PyObject *call_next(Call *c)
{
    PyObject *out;
    PySendResult result = call_drive(c, Py_None, &out);
    if (result == PYGEN_RETURN && out == Py_None) { /* as iterators end; dearer things are spared */
        Py_DECREF(out);
        return NULL;
    }
    return returned(result, out);
}

static PyObject *call_await(Call *c)
{
    if (c->stage == PAUSED || c->stage == WAITING) {
        PyErr_SetString(PyExc_RuntimeError, "coroutine is being awaited already");
        return NULL;
    }
    return Py_NewRef((PyObject *)c);
}

/* Raise what throw() was given, an exception or a class. */
static void raise_thrown(PyObject *type, PyObject *value, PyObject *traceback)
{
    if (PyExceptionInstance_Check(type)) {
        value = type;
        type = PyExceptionInstance_Class(value);
    } else if (!PyExceptionClass_Check(type)) {
        PyErr_SetString(PyExc_TypeError, "exceptions must be classes or instances of BaseException");
        return;
    }
    Py_INCREF(type);
    Py_XINCREF(value);
    if (traceback != NULL && PyTraceBack_Check(traceback))
        Py_INCREF(traceback);
    else
        traceback = value != NULL && PyExceptionInstance_Check(value)
                        ? PyException_GetTraceback(value)
                        : NULL;
    PyErr_Restore(type, value, traceback);
}

static PyObject *call_throw(Call *c, PyObject *args)
{
    PyObject *type, *value = NULL, *traceback = NULL, *out;
    if (!PyArg_ParseTuple(args, "O|OO:throw", &type, &value, &traceback))
        return NULL;
    switch (c->stage) {
    case BUSY:
    case OVER:
        call_drive(c, Py_None, &out); /* which says what is wrong */
        return NULL;
    case WAITING:
        break;
    default: /* before its attempt: it has done nothing, and does nothing */
        raise_thrown(type, value, traceback);
        finish(c, NULL, &out);
        return NULL;
    }
    PyObject *method = PyObject_GetAttr(c->coroutine, amq_names.throw);
    if (method == NULL)
        return NULL;
    c->stage = BUSY;
    out = PyObject_CallObject(method, args);
    Py_DECREF(method);
    if (out != NULL)
        c->stage = WAITING;
    else
        finish(c, NULL, &out);
    return out;
}

static PyObject *call_close(Call *c, PyObject *Py_UNUSED(ignored))
{
    PyObject *out = NULL;
    if (c->stage == BUSY) {
        call_drive(c, Py_None, &out);
        return NULL;
    }
    if (c->stage == WAITING) {
        c->stage = BUSY;
        PyObject *closed = PyObject_CallMethodObjArgs(c->coroutine, amq_names.close, NULL);
        if (closed == NULL) {
            finish(c, NULL, &out);
            return NULL;
        }
        Py_DECREF(closed);
    }
    finish(c, NULL, &out);
    Py_RETURN_NONE;
}

static PyObject *get_name(Call *c, void *Py_UNUSED(closure))
{
    return PyUnicode_FromString(name_of(c));
}

static PyMethodDef methods[] = {
    {"send", (PyCFunction)(void (*)(void))call_send, METH_O,
     PyDoc_STR("Go on, with this as what was awaited.")},
    {"throw", (PyCFunction)(void (*)(void))call_throw, METH_VARARGS,
     PyDoc_STR("Go on, with this exception.")},
    {"close", (PyCFunction)(void (*)(void))call_close, METH_NOARGS, PyDoc_STR("Give it up.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"__name__", (getter)get_name, NULL, NULL, NULL},
    {"__qualname__", (getter)get_name, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("An awaiting send or receive: a coroutine.")},
    {Py_tp_dealloc, call_dealloc},
    {Py_tp_traverse, call_traverse},
    {Py_tp_clear, call_clear},
    {Py_tp_iternext, call_next},
    {Py_am_await, call_await},
    {Py_am_send, call_drive},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "anymq._engine.Call",
    .basicsize = sizeof(Call),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

PyObject *amq_call_type(void)
{
    if (call_class == NULL)
        call_class = (PyTypeObject *)PyType_FromSpec(&spec);
    return Py_XNewRef((PyObject *)call_class);
}
