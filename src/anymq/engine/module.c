#include <Python.h>
static struct PyModuleDef def = {PyModuleDef_HEAD_INIT, "anymq._engine", NULL, 0, NULL, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit__engine(void) { return PyModule_Create(&def); }
