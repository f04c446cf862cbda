/* Turns and Calls: what an awaiting call has to know before it tries, without asking Python.
 *
 * They are the bases of Waits and Loops in anymq/_drivers, which do all that takes longer.
 *
 * Whether the loop of the last call still runs here is told by asyncio's table of current tasks: a
 * task of that loop is in the middle of a step, and this is the thread of the loop. That is cheaper
 * than to ask which loop runs, and false where trio runs as a guest of asyncio's loop. The other way
 * round, trio.run() called by a task, is why trio is asked too where it was imported.
 */
#include "calls.h"

#include <stddef.h>
#include <structmember.h>

struct amq_names amq_names;

static PyTypeObject *turns_class;

/* Whether a task of this loop is in the middle of a step. */
static bool in_task_of(PyObject *loop)
{
    static PyObject *tasks; /* by loop; None: this Python keeps them elsewhere */
    static PyObject *current_task;
    if (tasks == NULL) {
        PyObject *module = PyImport_ImportModule("_asyncio");
        tasks = module != NULL ? PyObject_GetAttrString(module, "_current_tasks") : NULL;
        Py_XDECREF(module);
        PyErr_Clear();
        if (tasks == NULL || !PyDict_Check(tasks)) {
            Py_XDECREF(tasks);
            tasks = Py_NewRef(Py_None);
            module = PyImport_ImportModule("asyncio");
            current_task = module != NULL ? PyObject_GetAttrString(module, "current_task") : NULL;
            Py_XDECREF(module);
        }
    }
    PyObject *task = NULL;
    if (tasks != Py_None)
        task = Py_XNewRef(PyDict_GetItemWithError(tasks, loop));
    else if (current_task != NULL)
        task = PyObject_CallFunctionObjArgs(current_task, loop, NULL);
    PyErr_Clear();
    Py_XDECREF(task);
    return task != NULL && task != Py_None;
}

/* A module, borrowed; NULL if the program has not imported it. */
static PyObject *imported(PyObject *name)
{
    PyObject *module = PyDict_GetItemWithError(PyImport_GetModuleDict(), name);
    if (module == NULL)
        PyErr_Clear();
    return module != Py_None ? module : NULL;
}

/* Whether a task of trio's runs here, or might. */
static bool in_trio(void)
{
    static PyObject *in_trio_task;
    PyObject *trio = imported(amq_names.trio);
    if (trio == NULL)
        return false;
    if (in_trio_task == NULL) {
        PyObject *lowlevel = PyObject_GetAttrString(trio, "lowlevel");
        if (lowlevel == NULL)
            goto unknown;
        in_trio_task = PyObject_GetAttrString(lowlevel, "in_trio_task");
        Py_DECREF(lowlevel);
        if (in_trio_task == NULL)
            goto unknown;
    }
    PyObject *answer = PyObject_CallNoArgs(in_trio_task);
    Py_XDECREF(answer);
    if (answer == Py_False)
        return false;
unknown:
    PyErr_Clear();
    return true;
}

Turns *amq_turns_here(Calls *calls)
{
    Turns *here = calls->here;
    if (here == NULL || here->thread != PyThread_get_thread_ident() || here->loop == NULL ||
        !in_task_of(here->loop) || in_trio())
        return NULL;
    return here;
}

static int turns_traverse(Turns *t, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)t));
    Py_VISIT(t->loop);
    Py_VISIT(t->senders);
    Py_VISIT(t->receivers);
    return 0;
}

static int turns_clear(Turns *t)
{
    Py_CLEAR(t->loop);
    Py_CLEAR(t->senders);
    Py_CLEAR(t->receivers);
    return 0;
}

static int calls_traverse(Calls *c, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)c));
    Py_VISIT((PyObject *)c->handle);
    Py_VISIT((PyObject *)c->here);
    return 0;
}

/* The handle stays: calls may be under way still. */
static int calls_clear(Calls *c)
{
    Py_CLEAR(c->here);
    return 0;
}

static void release(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF((PyObject *)type);
}

static void turns_dealloc(Turns *t)
{
    PyObject_GC_UnTrack(t);
    turns_clear(t);
    release((PyObject *)t);
}

static void calls_dealloc(Calls *c)
{
    PyObject_GC_UnTrack(c);
    calls_clear(c);
    Py_CLEAR(c->handle);
    release((PyObject *)c);
}

static PyObject *calls_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *handle;
    if (!PyArg_ParseTuple(args, "O!:Calls", amq_handle_class, &handle))
        return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Calls *c = (Calls *)allocate(type, 0);
    if (c != NULL)
        c->handle = (Handle *)Py_NewRef(handle);
    return (PyObject *)c;
}

static PyObject *get_here(Calls *c, void *Py_UNUSED(closure))
{
    return Py_NewRef(c->here != NULL ? (PyObject *)c->here : Py_None);
}

static int set_here(Calls *c, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL || !PyObject_TypeCheck(value, turns_class)) {
        PyErr_SetString(PyExc_TypeError, "here is a Turns");
        return -1;
    }
    PyObject *before = (PyObject *)c->here;
    c->here = (Turns *)Py_NewRef(value);
    c->here->thread = PyThread_get_thread_ident();
    Py_XDECREF(before);
    return 0;
}

/* Task groups of anyio before 4.16 take no coroutine but one with a frame. */
static bool needs_frame(void)
{
    static PyObject *asked; /* the module that was asked last, for its address alone */
    static bool answer;
    PyObject *anyio = imported(amq_names.anyio);
    if (anyio == NULL)
        return false;
    if (anyio != asked) {
        answer = !PyObject_HasAttrString(anyio, "TaskHandle");
        asked = anyio;
    }
    return answer;
}

static PyObject *make(Calls *c, PyObject *owner, PyObject *data, PyObject *limit)
{
    PyObject *call = amq_call(c, owner, data, limit);
    if (call == NULL || !needs_frame())
        return call;
    PyObject *framed = PyObject_CallMethodObjArgs((PyObject *)c, amq_names.framed, call, NULL);
    Py_DECREF(call);
    return framed;
}

/* asend(owner, data[, limit]) */
static PyObject *calls_asend(Calls *c, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs < 2 || nargs > 3)
        return PyErr_Format(PyExc_TypeError, "wrong number of arguments: %zd", nargs);
    return make(c, args[0], args[1], nargs > 2 ? args[2] : NULL);
}

/* arecv(owner[, limit]) */
static PyObject *calls_arecv(Calls *c, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs < 1 || nargs > 2)
        return PyErr_Format(PyExc_TypeError, "wrong number of arguments: %zd", nargs);
    return make(c, args[0], NULL, nargs > 1 ? args[1] : NULL);
}

static PyMethodDef methods[] = {
    {"asend", (PyCFunction)(void (*)(void))calls_asend, METH_FASTCALL,
     PyDoc_STR("A coroutine that sends one message.")},
    {"arecv", (PyCFunction)(void (*)(void))calls_arecv, METH_FASTCALL,
     PyDoc_STR("A coroutine that receives one message.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef attributes[] = {
    {"here", (getter)get_here, (setter)set_here, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef turns_members[] = {
    {"loop", T_OBJECT_EX, offsetof(Turns, loop), 0, NULL},
    {"senders", T_OBJECT_EX, offsetof(Turns, senders), 0, NULL},
    {"receivers", T_OBJECT_EX, offsetof(Turns, receivers), 0, NULL},
    {"turn", T_INT, offsetof(Turns, turn), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMemberDef calls_members[] = {
    {"handle", T_OBJECT_EX, offsetof(Calls, handle), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot turns_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("What calls that need not wait know of one loop.")},
    {Py_tp_dealloc, turns_dealloc},
    {Py_tp_traverse, turns_traverse},
    {Py_tp_clear, turns_clear},
    {Py_tp_members, turns_members},
    {0, NULL},
};

static PyType_Slot calls_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("Makes the awaiting calls of one socket.")},
    {Py_tp_new, calls_new},
    {Py_tp_dealloc, calls_dealloc},
    {Py_tp_traverse, calls_traverse},
    {Py_tp_clear, calls_clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_members, calls_members},
    {0, NULL},
};

static PyType_Spec turns_spec = {
    .name = "anymq._engine.Turns",
    .basicsize = sizeof(Turns),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = turns_slots,
};

static PyType_Spec calls_spec = {
    .name = "anymq._engine.Calls",
    .basicsize = sizeof(Calls),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = calls_slots,
};

int amq_calls_types(PyObject *module)
{
    struct {
        PyObject **at;
        const char *text;
    } names[] = {
        {&amq_names.send, "send"},
        {&amq_names.recv, "recv"},
        {&amq_names.wait_to_send, "wait_to_send"},
        {&amq_names.wait_to_recv, "wait_to_recv"},
        {&amq_names.framed, "framed"},
        {&amq_names.trio, "trio"},
        {&amq_names.anyio, "anyio"},
        {&amq_names.throw, "throw"},
        {&amq_names.close, "close"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((*names[i].at = PyUnicode_InternFromString(names[i].text)) == NULL)
            return -1;
    PyObject *turns = PyType_FromSpec(&turns_spec);
    PyObject *calls = PyType_FromSpec(&calls_spec);
    PyObject *call = amq_call_type();
    turns_class = (PyTypeObject *)turns;
    int result = turns == NULL || calls == NULL || call == NULL ||
                         PyModule_AddObjectRef(module, "Turns", turns) < 0 ||
                         PyModule_AddObjectRef(module, "Calls", calls) < 0 ||
                         PyModule_AddObjectRef(module, "Call", call) < 0 ||
                         PyModule_AddIntConstant(module, "TURN", TURN) < 0
                     ? -1
                     : 0;
    Py_XDECREF(calls);
    Py_XDECREF(call);
    return result; /* turns_class keeps its own */
}
