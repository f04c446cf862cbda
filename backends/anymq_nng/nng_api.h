/* What is needed of nng's C interface, and the table of functions of one opened library.
 *
 * Declared here and not taken from nng's headers, because one binary serves every version of nng:
 * a function that was renamed is listed with all its names, newest first, and one that is missing
 * leaves NULL. All of nng's handles (socket, dialer, listener, pipe, context) are structures of one
 * 32-bit number, passed by value.
 */
#ifndef ANYMQ_NNG_API_H
#define ANYMQ_NNG_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t id;
} nng_handle;

typedef struct nng_msg nng_msg;
typedef struct nng_aio nng_aio;
typedef struct nng_stat nng_stat;
typedef struct nng_url nng_url;
typedef struct nng_tls_config nng_tls_config;

/* Socket addresses. 1.x and 2.x lay out IPv6 differently and number abstract sockets differently. */
typedef union {
    uint16_t family;
    struct {
        uint16_t family;
        char text[128];
    } name; /* inproc and ipc */
    struct {
        uint16_t family;
        uint16_t port;
        uint32_t addr;
    } in;
    struct {
        uint16_t family;
        uint16_t port;
        uint8_t addr[16];
        uint32_t scope;
    } in6_v1;
    struct {
        uint16_t family;
        uint16_t port;
        uint32_t scope;
        uint8_t addr[16];
    } in6_v2;
    struct {
        uint16_t family;
        uint16_t size;
        uint8_t text[107];
    } abstract;
    uint64_t space[32]; /* more than any version's storage */
} nng_address;

enum { NNG_AF_INPROC = 1, NNG_AF_IPC = 2, NNG_AF_INET = 3, NNG_AF_INET6 = 4 };
enum { NNG_AF_ABSTRACT = 6 }; /* 1.x */
enum { NNG_FLAG_NONBLOCK = 2 };
enum { NNG_DURATION_INFINITE = -1 };
enum { NNG_EVENTS = 4 }; /* pipe events are numbered 0 to 2, or 1 to 3 in later versions */

/* The few error numbers that the adapter acts on; they have been the same in every version. */
enum {
    NNG_ENOMEM = 2,
    NNG_EINVAL = 3,
    NNG_EBUSY = 4,
    NNG_ETIMEDOUT = 5,
    NNG_ECLOSED = 7,
    NNG_EAGAIN = 8,
    NNG_ENOTSUP = 9,
    NNG_ESTATE = 11,
    NNG_ECANCELED = 20,
};

enum { NNG_STAT_LEVEL = 1, NNG_STAT_COUNTER = 2, NNG_STAT_BOOLEAN = 4, NNG_STAT_ID = 5 };

typedef void (*nng_pipe_callback)(nng_handle pipe, int event, void *arg);

/* FN(required, field, result, parameters, newest name, older name) */
#define NNG_FUNCTIONS(FN) \
    FN(1, version, const char *, (void), "nng_version", NULL) \
    FN(1, strerror, const char *, (int), "nng_strerror", NULL) \
    FN(1, close, int, (nng_handle), "nng_socket_close", "nng_close") \
    FN(1, send_aio, void, (nng_handle, nng_aio *), "nng_socket_send", "nng_send_aio") \
    FN(1, recv_aio, void, (nng_handle, nng_aio *), "nng_socket_recv", "nng_recv_aio") \
    FN(1, msg_alloc, int, (nng_msg **, size_t), "nng_msg_alloc", NULL) \
    FN(1, msg_free, void, (nng_msg *), "nng_msg_free", NULL) \
    FN(1, msg_body, void *, (nng_msg *), "nng_msg_body", NULL) \
    FN(1, msg_len, size_t, (const nng_msg *), "nng_msg_len", NULL) \
    FN(1, msg_header, void *, (nng_msg *), "nng_msg_header", NULL) \
    FN(1, msg_header_len, size_t, (const nng_msg *), "nng_msg_header_len", NULL) \
    FN(1, msg_header_append, int, (nng_msg *, const void *, size_t), "nng_msg_header_append", NULL) \
    FN(1, msg_header_clear, void, (nng_msg *), "nng_msg_header_clear", NULL) \
    FN(1, msg_get_pipe, nng_handle, (const nng_msg *), "nng_msg_get_pipe", NULL) \
    FN(1, aio_alloc, int, (nng_aio **, void (*)(void *), void *), "nng_aio_alloc", NULL) \
    FN(1, aio_free, void, (nng_aio *), "nng_aio_free", NULL) \
    FN(1, aio_wait, void, (nng_aio *), "nng_aio_wait", NULL) \
    FN(1, aio_abort, void, (nng_aio *, int), "nng_aio_abort", NULL) \
    FN(1, aio_result, int, (nng_aio *), "nng_aio_result", NULL) \
    FN(1, aio_set_timeout, void, (nng_aio *, int32_t), "nng_aio_set_timeout", NULL) \
    FN(1, aio_set_msg, void, (nng_aio *, nng_msg *), "nng_aio_set_msg", NULL) \
    FN(1, aio_get_msg, nng_msg *, (nng_aio *), "nng_aio_get_msg", NULL) \
    FN(1, dialer_create, int, (nng_handle *, nng_handle, const char *), "nng_dialer_create", NULL) \
    FN(1, dialer_start, int, (nng_handle, int), "nng_dialer_start", NULL) \
    FN(1, dialer_close, int, (nng_handle), "nng_dialer_close", NULL) \
    FN(1, listener_create, int, (nng_handle *, nng_handle, const char *), "nng_listener_create", NULL) \
    FN(1, listener_start, int, (nng_handle, int), "nng_listener_start", NULL) \
    FN(1, listener_close, int, (nng_handle), "nng_listener_close", NULL) \
    FN(0, pipe_notify, int, (nng_handle, int, nng_pipe_callback, void *), "nng_pipe_notify", NULL) \
    FN(0, pipe_dialer, nng_handle, (nng_handle), "nng_pipe_dialer", NULL) \
    FN(0, pipe_listener, nng_handle, (nng_handle), "nng_pipe_listener", NULL) \
    FN(0, pipe_peer_addr, int, (nng_handle, nng_address *), "nng_pipe_peer_addr", NULL) \
    FN(0, pipe_get_addr, int, (nng_handle, const char *, nng_address *), "nng_pipe_get_addr", \
       "nng_pipe_getopt_sockaddr") \
    FN(0, listener_get_addr, int, (nng_handle, const char *, nng_address *), \
       "nng_listener_get_addr", "nng_listener_getopt_sockaddr") \
    FN(0, listener_get_url, int, (nng_handle, const nng_url **), "nng_listener_get_url", NULL) \
    FN(0, url_port, uint32_t, (const nng_url *), "nng_url_port", NULL) \
    FN(0, subscribe, int, (nng_handle, const void *, size_t), "nng_sub0_socket_subscribe", NULL) \
    FN(0, unsubscribe, int, (nng_handle, const void *, size_t), "nng_sub0_socket_unsubscribe", NULL) \
    FN(0, ctx_open, int, (nng_handle *, nng_handle), "nng_ctx_open", NULL) \
    FN(0, ctx_close, int, (nng_handle), "nng_ctx_close", NULL) \
    FN(0, ctx_send, void, (nng_handle, nng_aio *), "nng_ctx_send", NULL) \
    FN(0, ctx_recv, void, (nng_handle, nng_aio *), "nng_ctx_recv", NULL) \
    FN(0, ctx_subscribe, int, (nng_handle, const void *, size_t), "nng_sub0_ctx_subscribe", NULL) \
    FN(0, ctx_unsubscribe, int, (nng_handle, const void *, size_t), "nng_sub0_ctx_unsubscribe", \
       NULL) \
    FN(0, ctx_set_opaque, int, (nng_handle, const char *, const void *, size_t), "nng_ctx_set", \
       "nng_ctx_setopt") \
    FN(0, set_opaque, int, (nng_handle, const char *, const void *, size_t), "nng_socket_set", \
       "nng_setopt") \
    FN(0, get_send_fd, int, (nng_handle, int *), "nng_socket_get_send_poll_fd", NULL) \
    FN(0, get_recv_fd, int, (nng_handle, int *), "nng_socket_get_recv_poll_fd", NULL) \
    FN(0, strfree, void, (char *), "nng_strfree", NULL) \
    FN(0, tls_config_alloc, int, (nng_tls_config **, int), "nng_tls_config_alloc", NULL) \
    FN(0, tls_config_free, void, (nng_tls_config *), "nng_tls_config_free", NULL) \
    FN(0, tls_config_own_cert, int, (nng_tls_config *, const char *, const char *, const char *), \
       "nng_tls_config_own_cert", NULL) \
    FN(0, tls_config_ca_chain, int, (nng_tls_config *, const char *, const char *), \
       "nng_tls_config_ca_chain", NULL) \
    FN(0, tls_config_auth_mode, int, (nng_tls_config *, int), "nng_tls_config_auth_mode", NULL) \
    FN(0, tls_config_server_name, int, (nng_tls_config *, const char *), \
       "nng_tls_config_server_name", NULL) \
    FN(0, dialer_set_tls, int, (nng_handle, nng_tls_config *), "nng_dialer_set_tls", NULL) \
    FN(0, listener_set_tls, int, (nng_handle, nng_tls_config *), "nng_listener_set_tls", NULL) \
    FN(0, dialer_set_ptr, int, (nng_handle, const char *, void *), "nng_dialer_set_ptr", \
       "nng_dialer_setopt_ptr") \
    FN(0, listener_set_ptr, int, (nng_handle, const char *, void *), "nng_listener_set_ptr", \
       "nng_listener_setopt_ptr") \
    FN(0, stats_get, int, (nng_stat **), "nng_stats_get", NULL) \
    FN(0, stats_free, void, (nng_stat *), "nng_stats_free", NULL) \
    FN(0, stat_child, const nng_stat *, (const nng_stat *), "nng_stat_child", NULL) \
    FN(0, stat_next, const nng_stat *, (const nng_stat *), "nng_stat_next", NULL) \
    FN(0, stat_name, const char *, (const nng_stat *), "nng_stat_name", NULL) \
    FN(0, stat_type, int, (const nng_stat *), "nng_stat_type", NULL) \
    FN(0, stat_value, uint64_t, (const nng_stat *), "nng_stat_value", NULL) \
    FN(0, stat_bool, bool, (const nng_stat *), "nng_stat_bool", NULL) \
    FN(0, stat_string, const char *, (const nng_stat *), "nng_stat_string", NULL)

/* OPT(field, C type): the typed option functions, resolved for each kind of handle. */
#define NNG_OPTION_TYPES(OPT) \
    OPT(bool, bool) \
    OPT(int, int) \
    OPT(size, size_t) \
    OPT(ms, int32_t) \
    OPT(uint64, uint64_t)

enum { NNG_SOCKET = 0, NNG_DIALER = 1, NNG_LISTENER = 2, NNG_PIPE = 3, NNG_CONTEXT = 4, NNG_KINDS = 5 };

typedef struct {
#define NNG_FIELD(required, field, result, parameters, newest, older) result(*field) parameters;
    NNG_FUNCTIONS(NNG_FIELD)
#undef NNG_FIELD
#define NNG_FIELD(field, type) \
    int (*set_##field[NNG_KINDS])(nng_handle, const char *, type); \
    int (*get_##field[NNG_KINDS])(nng_handle, const char *, type *);
    NNG_OPTION_TYPES(NNG_FIELD)
#undef NNG_FIELD
    int (*set_string[NNG_KINDS])(nng_handle, const char *, const char *);
    int (*get_string[NNG_KINDS])(nng_handle, const char *, char **);
} nng_table;

#endif
