"""Builds `anymq_nanomsg._nanomsg`: the adapter's C files, and what Python may call of them.

`setup.py` names it in `cffi_modules`. Run it from the top of the source tree to compile in place.
No header of nanomsg and no libnanomsg is needed: the library is opened at run time.
"""

from __future__ import annotations

import os
import shutil
import tempfile

from cffi import FFI

HERE = "backends/anymq_nanomsg"
FILES = (
    "table",
    "socket",
    "message",
    "drain",
    "inproc",
    "parting",
    "strays",
    "peers",
    "probe",
    "ops",
)

C_FLAGS = ["-std=gnu11", "-O2", "-fvisibility=hidden"]
if os.environ.get("ANYMQ_WERROR"):
    # cffi's generated file has helpers that this module does not use.
    C_FLAGS += ["-Wall", "-Wextra", "-Werror", "-Wno-unused-function"]

ffi = FFI()
ffi.cdef("""
    struct nn_symbol_properties {
        int value;
        const char *name;
        int ns;
        int type;
        int unit;
    };

    typedef struct {
        int (*nn_errno)(void);
        const char *(*nn_strerror)(int);
        int (*nn_symbol_info)(int, struct nn_symbol_properties *, int);
        int (*nn_socket)(int, int);
        int (*nn_close)(int);
        int (*nn_setsockopt)(int, int, int, const void *, size_t);
        int (*nn_getsockopt)(int, int, int, void *, size_t *);
        int (*nn_bind)(int, const char *);
        int (*nn_connect)(int, const char *);
        int (*nn_shutdown)(int, int);
        uint64_t (*nn_get_statistic)(int, int);
        bool before_1_1;
        char path[];
        ...;
    } anymq_nn_lib;

    typedef struct {
        int s;
        ...;
    } anymq_nn_socket;

    int anymq_nn_open(const char *name, anymq_nn_lib **out, char *error, size_t error_size);
    int anymq_nn_keeps_place(const anymq_nn_lib *lib);
    anymq_nn_socket *anymq_nn_socket_new(
        const anymq_nn_lib *lib, int protocol, int raw, int *error);
    #define ANYMQ_NN_MOST_SYMBOLS ...
    enum { ANYMQ_NN_REMOTE, ANYMQ_NN_IPC, ANYMQ_NN_INPROC };
    bool anymq_nn_inproc_crowded(const anymq_nn_socket *s, const char *name);
    int anymq_nn_note(anymq_nn_socket *s, int kind, const char *name);
    int anymq_nn_socket_close(void *sock, int64_t linger_ms);

    typedef struct {
        const void *data;
        size_t size;
        const void *header;
        size_t header_size;
        ...;
    } anymq_msg;

    typedef struct {
        int32_t kind;
        ...;
    } anymq_event;

    typedef struct {
        uint32_t traits;
        int (*msg_init)(void *, anymq_msg *, const void *, size_t, const void *, size_t);
        void (*msg_release)(void *, anymq_msg *);
        int (*try_send)(void *, anymq_msg *);
        int (*try_recv)(void *, anymq_msg *);
        int (*wait_fd)(void *, int);
        int (*drained)(void *);
        int (*peers)(void *, uint32_t);
        int (*next_event)(void *, anymq_event *);
        int (*close)(void *, int64_t);
        ...;
    } anymq_ops;
    const anymq_ops *anymq_nn_table(void);
""")

# Run as a program, cffi compiles in a temporary folder: paths must not depend on where that is.
ROOT = os.getcwd() if __name__ == "__main__" else ""
HERE, INCLUDE = os.path.join(ROOT, HERE), os.path.join(ROOT, "src/anymq/include")

ffi.set_source(
    "anymq_nanomsg._nanomsg",
    '#include "nanomsg.h"',
    sources=[f"{HERE}/{name}.c" for name in FILES],
    depends=[
        f"{HERE}/nanomsg.h",
        f"{INCLUDE}/anymq_ops.h",
        f"{INCLUDE}/anymq_dl.h",
        f"{INCLUDE}/anymq_pages.h",
    ],
    include_dirs=[HERE, INCLUDE],
    libraries=["dl"],
    extra_compile_args=C_FLAGS,
    extra_link_args=["-pthread"],
    py_limited_api=True,
)

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ffi.compile(tmpdir=folder, verbose=True), HERE)
