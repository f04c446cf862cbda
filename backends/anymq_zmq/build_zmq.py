"""Builds `anymq_zmq._zmq`, the compiled part of the libzmq backend.

It links against no libzmq and needs none of its headers: a library file is opened at run time.
`setup.py` uses `ffi`; run as a program from the top folder it compiles in place.
"""

import os
import sys

from cffi import FFI

HERE = "backends/anymq_zmq/csrc"
INCLUDE = "src/anymq/include"
SOURCES = ("library.c", "socket.c", "drafts.c", "peers.c", "inproc.c", "monitor.c")
HEADERS = (
    f"{HERE}/library.h",
    f"{HERE}/socket.h",
    f"{INCLUDE}/anymq_ops.h",
    f"{INCLUDE}/anymq_dl.h",
)

C_FLAGS = ["-std=gnu11", "-O2", "-fvisibility=hidden"]
if os.environ.get("ANYMQ_WERROR"):
    C_FLAGS += ["-Wall", "-Wextra", "-Werror"]

CDEF = """
typedef struct azmq_lib azmq_lib;
typedef struct azmq_sock azmq_sock;
typedef struct azmq_term azmq_term;

typedef struct azmq_counts {
    uint64_t connections;
    uint64_t connect_errors;
    uint64_t handshake_errors;
    uint64_t accept_errors;
    uint64_t events_dropped;
    uint32_t peers;
} azmq_counts;

azmq_lib *azmq_open(const char *path, char *error, size_t error_size);
const char *azmq_path(const azmq_lib *lib);
void azmq_version(const azmq_lib *lib, int *numbers);
int azmq_has(const azmq_lib *lib, const char *capability);
int azmq_curve_keypair(const azmq_lib *lib, char *public_key, char *secret_key);
int azmq_symbol(const azmq_lib *lib, const char *name);
const char *azmq_strerror(const azmq_lib *lib, int number);
uintptr_t azmq_ops(const azmq_lib *lib);
int azmq_probe(const azmq_lib *lib, int type, const char *url);
azmq_term *azmq_term_begin(azmq_lib *lib);
int azmq_term_wait(azmq_term *term, int timeout_ms);
void azmq_term_forget(azmq_term *term);

int azmq_socket(azmq_lib *lib, int type, azmq_sock **result);
int azmq_become(azmq_sock *sock, int type);
int azmq_listen(azmq_sock *sock, const char *url, uint32_t *number, char *actual, size_t size);
int azmq_dial(azmq_sock *sock, const char *url, uint32_t *number, uint32_t *peer);
int azmq_join(azmq_sock *sock, const char *group);
int azmq_leave(azmq_sock *sock, const char *group);
int azmq_close_endpoint(azmq_sock *sock, uint32_t number);
int azmq_setopt(azmq_sock *sock, int option, const void *value, size_t size);
int azmq_getopt(azmq_sock *sock, int option, void *value, size_t *size);
void azmq_get_counts(azmq_sock *sock, azmq_counts *counts);
void azmq_set_gated(azmq_sock *sock, int gated);
void azmq_discard(azmq_sock *sock);
uintptr_t azmq_native(const azmq_sock *sock);
"""


def make(root: str = "") -> FFI:
    """The description of the module; `root` is put before the paths of its files."""
    ffi = FFI()
    ffi.cdef(CDEF)
    ffi.set_source(
        "anymq_zmq._zmq",
        '#include "library.h"\n#include "socket.h"\n',
        sources=[f"{root}{HERE}/{name}" for name in SOURCES],
        include_dirs=[f"{root}{HERE}", f"{root}{INCLUDE}"],
        depends=[f"{root}{name}" for name in HEADERS],
        extra_compile_args=C_FLAGS,
        extra_link_args=["-pthread"],
        libraries=["dl"] if sys.platform == "linux" else [],
        py_limited_api=True,
    )
    return ffi


ffi = make()

if __name__ == "__main__":
    make("../").compile(tmpdir="backends", verbose=False)
