/* The module anymq._engine: the Handle type and what concerns the whole process. */
#include "engine.h"

static PyObject *setup(PyObject *Py_UNUSED(module), PyObject *ident)
{
    unsigned long main = PyLong_AsUnsignedLong(ident);
    if (PyErr_Occurred())
        return NULL;
    amq_set_main_thread(main);
    Py_RETURN_NONE;
}

static PyObject *pending_closes(PyObject *Py_UNUSED(module), PyObject *limit)
{
    int64_t timeout;
    if (amq_timeout_from(limit, &timeout) < 0)
        return NULL;
    int left = amq_pending_closes(timeout);
    return left < 0 ? NULL : PyLong_FromLong(left);
}

static PyObject *look_for(PyObject *Py_UNUSED(module), PyObject *limit)
{
    int64_t ns;
    if (amq_timeout_from(limit, &ns) < 0)
        return NULL;
    amq_look_for(ns == FOREVER ? INT64_MAX / 2 : ns);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"setup", setup, METH_O, PyDoc_STR("Tell which thread runs Python's signal handlers.")},
    {"pending_closes", pending_closes, METH_O,
     PyDoc_STR("Wait for closes in the background; how many are left.")},
    {"look_for", look_for, METH_O,
     PyDoc_STR("How long a receive looks for an answer before its thread sleeps.")},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    "anymq._engine",
    PyDoc_STR("anymq's engine."),
    -1,
    functions,
    NULL,
    NULL,
    NULL,
    NULL,
};

PyMODINIT_FUNC PyInit__engine(void)
{
    if (amq_process_init() < 0 || amq_errors_init() < 0)
        return NULL;
    amq_look_init();
    PyObject *module = PyModule_Create(&definition);
    PyObject *type = module != NULL ? amq_handle_type() : NULL;
    PyObject *watch = module != NULL ? amq_watch_type() : NULL;
    PyObject *body = module != NULL ? amq_body_type() : NULL;
    PyObject *direct = module != NULL ? amq_direct_type() : NULL;
    if (type == NULL || PyModule_AddObjectRef(module, "Handle", type) < 0 ||
        watch == NULL || PyModule_AddObjectRef(module, "Watch", watch) < 0 ||
        amq_calls_types(module) < 0 ||
        body == NULL || PyModule_AddObjectRef(module, "Body", body) < 0 ||
        direct == NULL || PyModule_AddObjectRef(module, "Direct", direct) < 0 ||
        PyModule_AddIntConstant(module, "READABLE", ANYMQ_READABLE) < 0 ||
        PyModule_AddIntConstant(module, "WRITABLE", ANYMQ_WRITABLE) < 0)
        Py_CLEAR(module);
    Py_XDECREF(type);
    Py_XDECREF(watch);
    Py_XDECREF(body);
    Py_XDECREF(direct);
    return module;
}
