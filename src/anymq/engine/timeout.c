/* Time limits: seconds of Python (float, int or None) to nanoseconds of the engine and back. */
#include "engine.h"

#define MAX_SECONDS 2000000.0 /* as anymq.options has it */

int amq_timeout_from(PyObject *value, int64_t *out)
{
    if (value == Py_None) {
        *out = FOREVER;
        return 0;
    }
    if (PyBool_Check(value))
        return amq_fail_option("a timeout is a number of seconds or None, not a bool");
    double seconds = PyFloat_AsDouble(value);
    if (seconds == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Clear();
            return amq_fail_option("a timeout is a number of seconds, or None for no limit");
        }
        return -1;
    }
    if (!(seconds >= 0.0)) /* NaN included */
        return amq_fail_option("a timeout must not be negative or NaN; None means no limit");
    if (seconds > MAX_SECONDS)
        return amq_fail_option("a timeout must be at most 2000000 seconds; None means no limit");
    *out = (int64_t)(seconds * 1e9);
    if (*out == 0 && seconds > 0.0)
        *out = 1;
    return 0;
}

PyObject *amq_timeout_to(int64_t ns)
{
    if (ns < 0)
        Py_RETURN_NONE;
    return PyFloat_FromDouble((double)ns / 1e9);
}

int amq_timeout_arg(PyObject *const *args, Py_ssize_t nargs, Py_ssize_t index, int64_t preset,
                    int64_t *out)
{
    if (nargs <= index) {
        *out = preset;
        return 0;
    }
    return amq_timeout_from(args[index], out);
}
