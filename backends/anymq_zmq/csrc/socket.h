/* One libzmq socket: what the hot path needs first, and who its peers are. */
#ifndef AZMQ_SOCKET_H
#define AZMQ_SOCKET_H

#include <stdatomic.h>
#include <sys/types.h>

#include "library.h"

#define AZMQ_URL_SIZE 256

/* An address that the socket listens at or dials. */
typedef struct azmq_endpoint {
    uint32_t number;
    int listening;
    int inproc;
    int fd;                     /* listening: libzmq's own; -1: not known */
    ino_t inode;                /* of what that descriptor is */
    ino_t file;                 /* ipc: of the name that libzmq will remove; 0: of none */
    int told;                   /* listening: libzmq tells when the address is free again */
    int closed;                 /* listening: it has told */
    int quiet;                  /* dialling: the next "retried" only follows what was told already */
    char given[AZMQ_URL_SIZE];  /* as libzmq was given it */
    char actual[AZMQ_URL_SIZE]; /* as libzmq reads it back */
} azmq_endpoint;

/* What the header of a message is: draft types have one, all others have none. */
typedef enum azmq_header {
    AZMQ_NO_HEADER,
    AZMQ_ROUTING_ID, /* of the peer that it came from or goes to: 4 bytes, in network order */
    AZMQ_GROUP,      /* its name */
} azmq_header;

/* A connection, from when its transport is up. */
typedef struct azmq_connection {
    int fd;        /* libzmq's own, its name for the connection while that lasts; -1: inproc */
    int ready;     /* the handshake is done */
    int upgraded;  /* ws: so is HTTP's, which libzmq tells as a handshake of its own before */
    int accepted;
    uint32_t endpoint;
    uint32_t number;
    uint64_t link; /* inproc: the same on both sides */
    struct azmq_sock *other;
    char *local; /* what the monitor calls it */
    char *peer;  /* what people call it; both are never NULL, and freed with it: see peers.c */
} azmq_connection;

typedef struct azmq_counts {
    uint64_t connections;
    uint64_t connect_errors;
    uint64_t handshake_errors;
    uint64_t accept_errors;
    uint64_t events_dropped;
    uint32_t peers;
} azmq_counts;

typedef struct azmq_sock {
    void *native;
    int (*send)(void *sock, const void *data, size_t size, int flags);
    int (*msg_send)(void *msg, void *sock, int flags);
    int (*msg_recv)(void *msg, void *sock, int flags);
    int (*msg_init)(void *msg);
    int (*msg_init_size)(void *msg, size_t size);
    int (*msg_close)(void *msg);
    int (*msg_more)(const void *msg);
    void *(*msg_data)(void *msg);
    int (*get_errno)(void);
    int fd;
    int sent; /* anything, ever */
    int type;
    azmq_header header;
    int endless_linger; /* instead of a limited one: see socket.c */
    int gated;        /* sends only while it has a peer: see socket.c */
    int within;       /* a message whose first parts were sent */
    int turned_back;  /* by the gate, at the last attempt to send */
    atomic_int ready; /* connections that count as peers; changed under lib->lock */

    azmq_lib *lib;
    uint64_t forks; /* lib->forks when it was made */

    /* Guarded by lib->lock from here on. */
    void *monitor;
    int monitor_fd;
    int news_fd;
    int gate_fd; /* readable while there is a peer; -1 until somebody waits for one */
    int failing; /* the next disconnection belongs to a handshake that failed */
    uint32_t next_number;
    struct azmq_sock *next_watched;
    azmq_endpoint *endpoints;
    size_t endpoint_count, endpoint_room;
    azmq_connection *connections;
    size_t connection_count, connection_room;
    anymq_event *ring;
    size_t ring_room, ring_head, ring_count;
    azmq_counts counts;
} azmq_sock;

/* socket.c; each returns 0 or the library's error number */
int azmq_socket(azmq_lib *lib, int type, azmq_sock **result);
int azmq_become(azmq_sock *sock, int type); /* before it has an endpoint; it loses its options */
int azmq_listen(azmq_sock *sock, const char *url, uint32_t *number, char *actual, size_t size);
int azmq_dial(azmq_sock *sock, const char *url, uint32_t *number, uint32_t *peer);
int azmq_close_endpoint(azmq_sock *sock, uint32_t number);
int azmq_setopt(azmq_sock *sock, int option, const void *value, size_t size);
int azmq_getopt(azmq_sock *sock, int option, void *value, size_t *size);
void azmq_set_gated(azmq_sock *sock, int gated);
void azmq_discard(azmq_sock *sock); /* closes one that was never given to the engine */
uintptr_t azmq_native(const azmq_sock *sock);
void azmq_fill_ops(anymq_ops *ops);

/* drafts.c; those of type int return 0 or the library's error number */
azmq_header azmq_header_of(const azmq_api *api, int type);
int azmq_set_header(const azmq_sock *sock, void *msg, const void *header, size_t size);
int azmq_show_header(const azmq_sock *sock, anymq_msg *m);
int azmq_connect(const azmq_sock *sock, const char *url, uint32_t *peer);
int azmq_join(azmq_sock *sock, const char *group);
int azmq_leave(azmq_sock *sock, const char *group);

/* peers.c: who is connected, and what happened; the caller holds lib->lock except where it says */
azmq_endpoint *azmq_add_endpoint(azmq_sock *sock, int listening, const char *given);
azmq_endpoint *azmq_find_endpoint(azmq_sock *sock, uint32_t number);
azmq_endpoint *azmq_find_twin(azmq_sock *sock, const azmq_endpoint *of);
void azmq_drop_endpoint(azmq_sock *sock, uint32_t number, int keep_connections);
azmq_connection *azmq_add_connection(azmq_sock *sock, uint32_t endpoint);
void azmq_name_connection(azmq_connection *connection, const char *local, const char *peer);
void azmq_drop_connection(azmq_sock *sock, size_t index, int native);
void azmq_ready(azmq_sock *sock, azmq_connection *connection, int native);
void azmq_set_ready(azmq_sock *sock, azmq_connection *connection, int ready);
void azmq_push_event(azmq_sock *sock, int kind, int native, int code, uint32_t peer,
                     const char *address);
int azmq_still_listening(azmq_sock *sock, uint32_t number); /* 0: at any address */
void azmq_free_peers(azmq_sock *sock);
void azmq_get_counts(azmq_sock *sock, azmq_counts *counts); /* takes the lock */
int azmq_op_peers(void *sock, uint32_t endpoint);           /* takes the lock */
int azmq_gate_fd(azmq_sock *sock);                          /* takes the lock */
int azmq_op_peer_fd(void *sock);                            /* takes the lock */
int azmq_op_next_event(void *sock, anymq_event *event);     /* takes the lock */

/* inproc.c; the caller holds lib->lock */
void azmq_inproc_bound(azmq_sock *sock, const azmq_endpoint *endpoint);
void azmq_inproc_connected(azmq_sock *sock, const azmq_endpoint *endpoint);
void azmq_inproc_forget(azmq_sock *sock, uint32_t endpoint); /* 0: all of this socket's */

/* monitor.c */
int azmq_monitor_start(azmq_sock *sock);
void azmq_monitor_stop(azmq_sock *sock); /* takes the lock */
void azmq_monitor_drain(azmq_sock *sock);
void azmq_watcher_stop(azmq_lib *lib);   /* takes the lock */

#endif
