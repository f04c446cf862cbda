"""Builds `anymq_nng._nng`, the compiled half of the nng backend.

Named in setup.py's `cffi_modules`; run as a program from the top of the checkout it compiles in
place. Needs no header and no library of nng.
"""

import os

from cffi import FFI

PACKAGE = "backends/anymq_nng"
SOURCES = (
    "library",
    "socket",
    "wait",
    "reply",
    "ahead",
    "posts",
    "context",
    "readiness",
    "pipes",
    "drained",
    "hangup",
    "access",
    "tls",
)
HEADERS = ("nng_api", "library", "socket", "access")

C_FLAGS = ["-std=gnu11", "-O2", "-fvisibility=hidden"]
if os.environ.get("ANYMQ_WERROR"):
    C_FLAGS += ["-Wall", "-Wextra", "-Werror"]

CDEF = """
typedef struct anymq_nng_library anymq_nng_library;
typedef struct anymq_nng_socket anymq_nng_socket;
typedef struct { ...; } anymq_ops;

anymq_nng_library *anymq_nng_open_library(const char *name, char *error, size_t error_size);
int anymq_nng_has(anymq_nng_library *library, const char *name);
const char *anymq_nng_path(anymq_nng_library *library);
int anymq_nng_major(anymq_nng_library *library);
const char *anymq_nng_version(anymq_nng_library *library);
const char *anymq_nng_strerror(anymq_nng_library *library, int code);
anymq_ops *anymq_nng_ops(anymq_nng_library *library);
anymq_ops *anymq_nng_context_ops(anymq_nng_library *library, int tells);

#define NNG_IS_RAW ...
#define NNG_IS_REQ ...
#define NNG_IS_SURVEYOR ...
#define NNG_TO_ONE ...
#define NNG_TAKES_STREAMS ...
#define NNG_TO_ALL ...
#define NNG_TO_ASKER ...
#define NNG_IS_SUB ...
#define NNG_SOCKET ...
#define NNG_DIALER ...
#define NNG_LISTENER ...
#define NNG_PIPE ...
#define NNG_CONTEXT ...
#define NNG_NO_FUNCTION ...

anymq_nng_socket *anymq_nng_open(anymq_nng_library *, const char *opener, int flags, int *error);
uint32_t anymq_nng_id(anymq_nng_socket *socket);
int anymq_nng_reopen(anymq_nng_socket *s, const char *opener, int flags);
int anymq_nng_close(anymq_nng_socket *s);
anymq_nng_socket *anymq_nng_open_context(anymq_nng_socket *s, int *error);
int anymq_nng_close_context(anymq_nng_socket *s);

int anymq_nng_add_endpoint(anymq_nng_socket *s, uint32_t number, int counted, const char *url);
void anymq_nng_remove_endpoint(anymq_nng_socket *s, uint32_t number);
int anymq_nng_dialer_create(anymq_nng_socket *s, const char *url, uint32_t *id);
int anymq_nng_dialer_start(anymq_nng_socket *s, uint32_t id);
int anymq_nng_dialer_close(anymq_nng_socket *s, uint32_t id);
int anymq_nng_listener_create(anymq_nng_socket *s, const char *url, uint32_t *id);
int anymq_nng_listener_start(anymq_nng_socket *s, uint32_t id);
int anymq_nng_listener_close(anymq_nng_socket *s, uint32_t id);
int anymq_nng_listener_port(anymq_nng_socket *s, uint32_t id);

typedef struct {
    const char *certificate, *key, *password, *ca, *server_name;
    int auth_mode;
    ...;
} anymq_nng_tls;
int anymq_nng_tls_usable(anymq_nng_library *);
int anymq_nng_set_tls(
    anymq_nng_library *, int kind, uint32_t id, const anymq_nng_tls *, const char **failed);

int anymq_nng_subscribe(anymq_nng_socket *s, const char *topic, size_t size);
int anymq_nng_unsubscribe(anymq_nng_socket *s, const char *topic, size_t size);

int anymq_nng_set_string(anymq_nng_library *, int kind, uint32_t id, const char *, const char *);
int anymq_nng_get_string(anymq_nng_library *, int kind, uint32_t id, const char *, char *, size_t);

typedef struct { char path[160]; uint64_t value; ...; } anymq_nng_statistic;
int anymq_nng_statistics(anymq_nng_socket *s, anymq_nng_statistic *out, int room);
"""
for field, type_name in (
    ("bool", "bool"),
    ("int", "int"),
    ("size", "size_t"),
    ("ms", "int32_t"),
    ("uint64", "uint64_t"),
):
    head = f"_{field}(anymq_nng_library *, int kind, uint32_t id, const char *, {type_name}"
    CDEF += f"int anymq_nng_set{head});\nint anymq_nng_get{head} *);\n"


def make(prefix: str = "") -> FFI:
    """The builder; `prefix` leads from where the compiler runs to the top of the checkout."""
    builder = FFI()
    builder.cdef(CDEF)
    builder.set_source(
        "anymq_nng._nng",
        '#include "access.h"\n',
        sources=[f"{prefix}{PACKAGE}/{name}.c" for name in SOURCES],
        depends=[
            *(f"{prefix}{PACKAGE}/{name}.h" for name in HEADERS),
            f"{prefix}src/anymq/include/anymq_ops.h",
            f"{prefix}src/anymq/include/anymq_dl.h",
            f"{prefix}src/anymq/include/anymq_pages.h",
        ],
        include_dirs=[f"{prefix}{PACKAGE}", f"{prefix}src/anymq/include"],
        define_macros=[("_GNU_SOURCE", None), ("Py_LIMITED_API", "0x030B0000")],
        py_limited_api=True,
        extra_compile_args=C_FLAGS,
        extra_link_args=["-pthread"],
        libraries=["dl"],
    )
    return builder


ffi = make()

if __name__ == "__main__":
    make("../").compile(tmpdir="backends", verbose=True)
