/* Exceptions of the engine: classes come from anymq.errors, native numbers go to the backend. */
#include "engine.h"

#include <stdarg.h>

PyObject *amq_StateError;

static PyObject *Closed, *ForkedError, *MessageTooLarge, *OptionError, *Timeout, *WouldBlock;

int amq_errors_init(void)
{
    PyObject *module = PyImport_ImportModule("anymq.errors");
    if (module == NULL)
        return -1;
    struct {
        const char *name;
        PyObject **slot;
    } wanted[] = {
        {"Closed", &Closed},           {"ForkedError", &ForkedError},
        {"OptionError", &OptionError}, {"MessageTooLarge", &MessageTooLarge},
        {"Timeout", &Timeout},         {"WouldBlock", &WouldBlock},
        {"StateError", &amq_StateError},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        *wanted[i].slot = PyObject_GetAttrString(module, wanted[i].name);
        if (*wanted[i].slot == NULL) {
            Py_DECREF(module);
            return -1;
        }
    }
    Py_DECREF(module);
    return 0;
}

static void set_attribute(PyObject *exception, const char *name, PyObject *value)
{
    if (value == NULL || PyObject_SetAttrString(exception, name, value) < 0)
        PyErr_Clear(); /* an attribute less must not hide the error itself */
}

/* A new exception with its backend; NULL with another one set when that fails. */
PyObject *amq_exception(Handle *h, PyObject *type, const char *text)
{
    PyObject *exception = PyObject_CallFunction(type, "s", text);
    if (exception != NULL && h != NULL)
        set_attribute(exception, "backend", h->backend);
    return exception;
}

static int raise(PyObject *type, PyObject *exception)
{
    if (exception != NULL) {
        PyErr_SetObject(type, exception);
        Py_DECREF(exception);
    }
    return -1;
}

int amq_fail(Handle *h, PyObject *type, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    PyObject *text = PyUnicode_FromFormatV(format, arguments);
    va_end(arguments);
    if (text == NULL)
        return -1;
    PyObject *exception = PyObject_CallFunctionObjArgs(type, text, NULL);
    Py_DECREF(text);
    if (exception != NULL && h != NULL)
        set_attribute(exception, "backend", h->backend);
    return raise(type, exception);
}

int amq_fail_closed(Handle *h)
{
    return amq_fail(h, Closed, "the socket is closed");
}

int amq_fail_forked(Handle *h)
{
    return amq_fail(h, ForkedError,
                    "this socket was opened by a parent process; open a new one after fork()");
}

int amq_fail_option(const char *text)
{
    return amq_fail(NULL, OptionError, "%s", text);
}

int amq_fail_timeout(Handle *h, int64_t timeout, const char *doing, Py_ssize_t sent)
{
    if (timeout == 0) {
        amq_fail(h, WouldBlock, "%s would have to wait", doing);
    } else {
        char seconds[32];
        PyOS_snprintf(seconds, sizeof seconds, "%.6g", (double)timeout / 1e9);
        amq_fail(h, Timeout, "%s did not succeed within %s s", doing, seconds);
    }
    amq_error_set_sent(sent);
    return -1;
}

int amq_fail_native(Handle *h, int code, const char *doing)
{
    PyObject *exception = PyObject_CallFunction(h->error, "is", code, doing);
    if (exception == NULL)
        return -1;
    return raise((PyObject *)Py_TYPE(exception), exception);
}

int amq_fail_too_large(Handle *h, size_t size, size_t room)
{
    PyObject *text = PyUnicode_FromFormat(
        "the message has %zu bytes and the buffer %zu; it stays receivable", size, room);
    if (text == NULL)
        return -1;
    PyObject *exception = PyObject_CallFunctionObjArgs(MessageTooLarge, text, NULL);
    Py_DECREF(text);
    if (exception != NULL) {
        PyObject *number = PyLong_FromSize_t(size);
        set_attribute(exception, "backend", h->backend);
        set_attribute(exception, "size", number);
        Py_XDECREF(number);
    }
    return raise(MessageTooLarge, exception);
}

void amq_error_set_sent(Py_ssize_t sent)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value != NULL) {
        PyObject *number = PyLong_FromSsize_t(sent);
        set_attribute(value, "sent", number);
        Py_XDECREF(number);
    }
    PyErr_Restore(type, value, traceback);
}
