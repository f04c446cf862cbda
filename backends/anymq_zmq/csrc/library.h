/* One opened libzmq file: its functions, its one context, and what all its sockets share.
 *
 * Declared here from libzmq's published C interface, so that no zmq.h is needed to build.
 */
#ifndef AZMQ_LIBRARY_H
#define AZMQ_LIBRARY_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "anymq_ops.h"

enum {
    AZMQ_PAIR = 0,
    AZMQ_STREAM = 11,
    AZMQ_SERVER = 12,
    AZMQ_RADIO = 14,
    AZMQ_DISH = 15,
    AZMQ_PEER = 19,
    AZMQ_CHANNEL = 20,
};

enum {
    AZMQ_OPT_FD = 14,
    AZMQ_OPT_EVENTS = 15,
    AZMQ_OPT_LINGER = 17,
    AZMQ_OPT_RCVHWM = 24,
    AZMQ_OPT_LAST_ENDPOINT = 32,
    AZMQ_OPT_IMMEDIATE = 39,
};

enum { AZMQ_CTX_MAX_SOCKETS = 2, AZMQ_CTX_SOCKET_LIMIT = 3 };
enum { AZMQ_DONTWAIT = 1, AZMQ_SNDMORE = 2 };

/* The functions of one library file. All but those after `has` are there or the file is refused. */
typedef struct azmq_api {
    void (*version)(int *major, int *minor, int *patch);
    int (*get_errno)(void);
    const char *(*strerror)(int number);
    void *(*ctx_new)(void);
    int (*ctx_term)(void *ctx);
    int (*ctx_set)(void *ctx, int option, int value);
    int (*ctx_get)(void *ctx, int option);
    void *(*socket)(void *ctx, int type);
    int (*close)(void *sock);
    int (*setsockopt)(void *sock, int option, const void *value, size_t size);
    int (*getsockopt)(void *sock, int option, void *value, size_t *size);
    int (*bind)(void *sock, const char *url);
    int (*connect)(void *sock, const char *url);
    int (*unbind)(void *sock, const char *url);
    int (*disconnect)(void *sock, const char *url);
    int (*monitor)(void *sock, const char *url, int events);
    int (*send)(void *sock, const void *data, size_t size, int flags);
    int (*msg_init)(void *msg);
    int (*msg_init_size)(void *msg, size_t size);
    int (*msg_init_data)(void *msg, void *data, size_t size,
                         void (*give_back)(void *data, void *hint), void *hint);
    int (*msg_copy)(void *msg, void *from);
    int (*msg_send)(void *msg, void *sock, int flags);
    int (*msg_recv)(void *msg, void *sock, int flags);
    int (*msg_close)(void *msg);
    void *(*msg_data)(void *msg);
    size_t (*msg_size)(const void *msg);
    int (*msg_more)(const void *msg);
    int (*has)(const char *capability);                     /* 4.1 */
    int (*curve_keypair)(char *public_key, char *secret_key); /* 4.0, with CURVE */
    uint32_t (*msg_routing_id)(void *msg);                  /* draft */
    int (*msg_set_routing_id)(void *msg, uint32_t id);      /* draft */
    const char *(*msg_group)(void *msg);                    /* draft */
    int (*msg_set_group)(void *msg, const char *group);     /* draft */
    int (*join)(void *sock, const char *group);             /* draft */
    int (*leave)(void *sock, const char *group);            /* draft */
    uint32_t (*connect_peer)(void *sock, const char *url);  /* draft, 4.3.3 */
} azmq_api;

struct azmq_sock;

/* A name bound or awaited over inproc, of which libzmq's monitor does not speak. */
typedef struct azmq_name {
    struct azmq_name *next;
    struct azmq_sock *sock;
    uint32_t endpoint;
    int bound; /* else: connected, but nobody has bound the name yet */
    char name[];
} azmq_name;

typedef struct azmq_lib {
    void *dl;
    azmq_api api;
    anymq_ops ops;
    char path[4096];
    int version[3];
    int number_version; /* 40304 */

    /* `lock` guards all that follows and the peers part of every socket. It is never held while
     * a libzmq call that may wait is under way. */
    pthread_mutex_t lock;
    void *ctx;
    uint64_t forks;            /* how many lie between this process and the one that opened it */
    struct azmq_sock *watched; /* sockets with a monitor */
    uint64_t watched_changes;
    azmq_name *names;          /* of inproc */
    uint64_t next_link;
    uint32_t next_monitor;
    int watcher_running;
    int watcher_stop;
    int watcher_wake; /* eventfd */
    pthread_t watcher;

    struct azmq_lib *next;
} azmq_lib;

/* A termination of a context that is under way on a thread of its own. */
typedef struct azmq_term azmq_term;

azmq_lib *azmq_open(const char *path, char *error, size_t error_size);
const char *azmq_path(const azmq_lib *lib);
void azmq_version(const azmq_lib *lib, int *numbers);
int azmq_has(const azmq_lib *lib, const char *capability); /* -1: it cannot be asked */
int azmq_curve_keypair(const azmq_lib *lib, char *public_key, char *secret_key);
int azmq_symbol(const azmq_lib *lib, const char *name);
const char *azmq_strerror(const azmq_lib *lib, int number);
uintptr_t azmq_ops(const azmq_lib *lib);
void *azmq_context(azmq_lib *lib, int *error);
int azmq_probe(const azmq_lib *lib, int type, const char *url);
azmq_term *azmq_term_begin(azmq_lib *lib);
int azmq_term_wait(azmq_term *term, int timeout_ms);
void azmq_term_forget(azmq_term *term);

/* A thread on which no signal is delivered: those are Python's. */
int azmq_thread(pthread_t *thread, void *(*run)(void *), void *argument);

#endif
