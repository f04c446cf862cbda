/* libloopback: pairs and pipelines over TCP and local sockets, in one small library.
 *
 * It stands for the messaging library that a backend is written for. Nothing in it knows anymq.
 * Every function may be called by any thread, and none blocks but lb_close, for a moment.
 * Functions that can fail return a negative errno.
 *
 * On the wire a connection begins with a greeting of 4 bytes from each side (the dialler first):
 * 'L' 'B' 1 kind. A message is its size (8 bytes, big-endian) and its body.
 */
#ifndef LOOPBACK_H
#define LOOPBACK_H

#include <stddef.h>
#include <stdint.h>

typedef struct lb_socket lb_socket;

typedef struct lb_msg {
    struct lb_msg *next; /* the library's */
    size_t size;
    unsigned char data[];
} lb_msg;

const char *lb_version(void);

/* What this build has, by name: "kind.pair", "transport.ipc", "option.send-buffer", ... A number
 * of 0 or more, or -1 where it has no such thing. */
int lb_number(const char *name);

lb_msg *lb_alloc(size_t size);
void lb_free(lb_msg *msg);

lb_socket *lb_open(int kind); /* NULL: see errno */
void lb_close(lb_socket *s);  /* at once: what has not left is dropped */

/* Listen at or dial a host and port, or a path where `port` is negative: a number above 0. A lost
 * connection is dialled again. */
int lb_listen(lb_socket *s, const char *where, int port);
int lb_dial(lb_socket *s, const char *where, int port);
int lb_port(lb_socket *s, int endpoint); /* that a listener really has */
int lb_end(lb_socket *s, int endpoint);  /* and all connections that it made */

int lb_set(lb_socket *s, int option, int64_t value);
int64_t lb_get(lb_socket *s, int option);

/* -EAGAIN: not now. A message that was sent is the library's. */
int lb_send(lb_socket *s, lb_msg *msg);
int lb_recv(lb_socket *s, lb_msg **msg);
/* Readable while lb_send (`sending`) or lb_recv would succeed. */
int lb_fd(const lb_socket *s, int sending);

int lb_peers(lb_socket *s, int endpoint); /* 0: of all endpoints */
int lb_unsent(lb_socket *s);              /* messages that are still in this process */
int lb_lost(lb_socket *s);                /* messages that went with their connection */

#endif
