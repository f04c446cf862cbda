/* What the adapter's file shares with Python (build_loopback.py). */
#ifndef ADAPTER_H
#define ADAPTER_H

#include "loopback.h"

/* Every function of the library that is used. The header gives their types; nothing is linked. */
#define LB_FUNCTIONS(X)                                                                     \
    X(lb_version) X(lb_number) X(lb_alloc) X(lb_free) X(lb_open) X(lb_close) X(lb_listen)   \
    X(lb_dial) X(lb_port) X(lb_end) X(lb_set) X(lb_get) X(lb_send) X(lb_recv) X(lb_fd)      \
    X(lb_peers) X(lb_unsent) X(lb_lost)

/* One opened library. It stays open for the life of the process: its threads run its code. */
typedef struct lb_library {
#define LB_FIELD(name) __typeof__(name) *name;
    LB_FUNCTIONS(LB_FIELD)
#undef LB_FIELD
    char path[4096];
} lb_library;

/* What the engine is given as the socket. */
typedef struct lb_handle {
    const lb_library *lib;
    lb_socket *s;
} lb_handle;

lb_library *anymq_lb_load(const char *name, char *error, size_t error_size);
lb_handle *anymq_lb_new(const lb_library *lib, int kind, int *error);
int anymq_lb_close(void *sock, int64_t linger_ms);
const void *anymq_lb_ops(void);

#endif
