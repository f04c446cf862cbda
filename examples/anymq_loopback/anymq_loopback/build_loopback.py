"""Builds `anymq_loopback._loopback`: the adapter, and what Python may call of it.

It needs an installed anymq for the headers of the contract, and no library.
"""

from cffi import FFI

import anymq.abc

ffi = FFI()
ffi.cdef("""
    typedef struct lb_socket lb_socket;
    typedef struct {
        const char *(*lb_version)(void);
        int (*lb_number)(const char *);
        int (*lb_listen)(lb_socket *, const char *, int);
        int (*lb_dial)(lb_socket *, const char *, int);
        int (*lb_port)(lb_socket *, int);
        int (*lb_end)(lb_socket *, int);
        int (*lb_set)(lb_socket *, int, int64_t);
        int64_t (*lb_get)(lb_socket *, int);
        char path[];
        ...;
    } lb_library;
    typedef struct {
        lb_socket *s;
        ...;
    } lb_handle;

    lb_library *anymq_lb_load(const char *name, char *error, size_t error_size);
    lb_handle *anymq_lb_new(const lb_library *lib, int kind, int *error);
    int anymq_lb_close(void *sock, int64_t linger_ms);
    const void *anymq_lb_ops(void);
""")
ffi.set_source(
    "anymq_loopback._loopback",
    '#include "adapter.h"',
    sources=["anymq_loopback/adapter.c"],
    depends=["anymq_loopback/adapter.h", "library/loopback.h"],
    include_dirs=["anymq_loopback", "library", anymq.abc.include_dir()],
    extra_compile_args=["-std=gnu11", "-fvisibility=hidden"],
    py_limited_api=True,
)
