/* What the two files of the library share: the structures, and what one offers the other. */
#ifndef INTERNAL_H
#define INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "loopback.h"

enum { PAIR = 1, PUSH, PULL };
enum { RECV_MAX_SIZE, RECONNECT_MS, SEND_BUFFER, RECV_BUFFER, N_OPTIONS };
enum { GREETING = 4, HEAD = 8 };

typedef struct queue {
    lb_msg *first, **end;
    int count;
} queue;

typedef struct endpoint {
    struct endpoint *next;
    int id, fd; /* fd: of a listener */
    int slot;   /* in what is polled now, or -1 */
    bool is_listener, is_ended, is_busy;
    int64_t dial_at;
    struct sockaddr_storage address;
    socklen_t size;
} endpoint;

typedef struct connection {
    struct connection *next;
    int endpoint, fd, slot;
    bool dialled, is_connecting, is_peer, is_broken;
    unsigned char head[HEAD];
    size_t got; /* of the head, or of the body */
    lb_msg *in;
    queue out;
    size_t put; /* of the first of `out`, its head included */
} connection;

struct lb_socket {
    int kind, last_id, lost;
    bool is_closing, is_readable, is_writable;
    int wake, readable, writable; /* event descriptors */
    int64_t options[N_OPTIONS];
    endpoint *endpoints;
    connection *connections;
    queue received;
    pthread_mutex_t lock;
    pthread_t thread;
};

/* connections.c: all of it with the socket's lock held, but lb_run, the socket's thread */
void *lb_run(void *socket);
void lb_wake(lb_socket *s);
void lb_settle(lb_socket *s); /* have the descriptors tell what is so */
void lb_tidy(lb_socket *s);   /* free what is broken or ended */
void lb_free_all(queue *q);
endpoint *lb_find(const lb_socket *s, int id);

#endif
