/* Cold operations, for the Python side: endpoints, options and statistics of one socket.
 *
 * All return 0, nng's error number, or NNG_NO_FUNCTION where this version of the library exports
 * no such function.
 */
#ifndef ANYMQ_NNG_ACCESS_H
#define ANYMQ_NNG_ACCESS_H

#include "socket.h"

enum { NNG_NO_FUNCTION = -10 };

int anymq_nng_dialer_create(anymq_nng_socket *s, const char *url, uint32_t *id);
int anymq_nng_dialer_start(anymq_nng_socket *s, uint32_t id);
int anymq_nng_dialer_close(anymq_nng_socket *s, uint32_t id);
int anymq_nng_listener_create(anymq_nng_socket *s, const char *url, uint32_t *id);
int anymq_nng_listener_start(anymq_nng_socket *s, uint32_t id);
int anymq_nng_listener_close(anymq_nng_socket *s, uint32_t id);
/* The port that a started listener has, 0 where it cannot be known. */
int anymq_nng_listener_port(anymq_nng_socket *s, uint32_t id);

/* `kind` is NNG_SOCKET, NNG_DIALER, NNG_LISTENER, NNG_PIPE or NNG_CONTEXT. */
int anymq_nng_set_bool(anymq_nng_library *l, int kind, uint32_t id, const char *name, bool value);
int anymq_nng_get_bool(anymq_nng_library *l, int kind, uint32_t id, const char *name, bool *value);
int anymq_nng_set_int(anymq_nng_library *l, int kind, uint32_t id, const char *name, int value);
int anymq_nng_get_int(anymq_nng_library *l, int kind, uint32_t id, const char *name, int *value);
int anymq_nng_set_size(anymq_nng_library *l, int kind, uint32_t id, const char *name, size_t value);
int anymq_nng_get_size(anymq_nng_library *l, int kind, uint32_t id, const char *name, size_t *value);
int anymq_nng_set_ms(anymq_nng_library *l, int kind, uint32_t id, const char *name, int32_t value);
int anymq_nng_get_ms(anymq_nng_library *l, int kind, uint32_t id, const char *name, int32_t *value);
int anymq_nng_set_uint64(anymq_nng_library *l, int kind, uint32_t id, const char *name, uint64_t value);
int anymq_nng_get_uint64(anymq_nng_library *l, int kind, uint32_t id, const char *name, uint64_t *value);
int anymq_nng_set_string(anymq_nng_library *l, int kind, uint32_t id, const char *name, const char *value);
/* Copies into `value`, cut to `size`. */
int anymq_nng_get_string(anymq_nng_library *l, int kind, uint32_t id, const char *name, char *value,
                         size_t size);

/* What an endpoint is to be given; NULL for what it is not. */
typedef struct {
    const char *certificate, *key, *password, *ca, *server_name;
    int auth_mode;
} anymq_nng_tls;

/* 0 where TLS can be configured. */
int anymq_nng_tls_usable(anymq_nng_library *l);
/* For a dialer or listener before it starts; `failed` is always set, to what an error is about. */
int anymq_nng_set_tls(anymq_nng_library *l, int kind, uint32_t id, const anymq_nng_tls *wanted,
                      const char **failed);

int anymq_nng_subscribe(anymq_nng_socket *s, const void *topic, size_t size);
int anymq_nng_unsubscribe(anymq_nng_socket *s, const void *topic, size_t size);

/* One number of the library's statistics, with the scopes it is in: "socket/dialer/connect". */
typedef struct {
    char path[160];
    uint64_t value;
} anymq_nng_statistic;

/* All numbers of one socket: how many there are; at most `room` are written. Negative: an error. */
int anymq_nng_statistics(anymq_nng_socket *s, anymq_nng_statistic *out, int room);

#endif
