/* What the files of this adapter share: the table of one opened libnanomsg, and one socket of it.
 *
 * No header of nanomsg is needed to build: the functions are declared here as its manual pages
 * give them, and the constants are read from the library itself (nn_symbol) when it is opened.
 */
#ifndef ANYMQ_NANOMSG_H
#define ANYMQ_NANOMSG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "anymq_ops.h"

/* The library's own structures (nn_send(3), nn_sendmsg(3), nn_cmsg(3), nn_symbol_info(3)). */
struct nn_iovec {
    void *iov_base;
    size_t iov_len;
};

struct nn_msghdr {
    struct nn_iovec *msg_iov;
    int msg_iovlen;
    void *msg_control;
    size_t msg_controllen;
};

struct nn_cmsghdr {
    size_t cmsg_len;
    int cmsg_level;
    int cmsg_type;
};

struct nn_symbol_properties {
    int value;
    const char *name;
    int ns;
    int type;
    int unit;
};

/* Ancillary data of SP: the only constants that nn_symbol_info does not list. */
#define ANYMQ_NN_PROTO_SP 1
#define ANYMQ_NN_SP_HDR 1
#define ANYMQ_NN_MSG ((size_t)-1)

/* More than any version lists in nn_symbol_info; what goes on for ever is not believed. */
#define ANYMQ_NN_MOST_SYMBOLS 2000

/* Every function that the adapter cannot do without: name, result, parameters. */
#define ANYMQ_NN_FUNCTIONS(X)                                                               \
    X(nn_errno, int, (void))                                                                \
    X(nn_strerror, const char *, (int))                                                     \
    X(nn_symbol_info, int, (int, struct nn_symbol_properties *, int))                       \
    X(nn_allocmsg, void *, (size_t, int))                                                   \
    X(nn_freemsg, int, (void *))                                                            \
    X(nn_socket, int, (int, int))                                                           \
    X(nn_close, int, (int))                                                                 \
    X(nn_setsockopt, int, (int, int, int, const void *, size_t))                            \
    X(nn_getsockopt, int, (int, int, int, void *, size_t *))                                \
    X(nn_bind, int, (int, const char *))                                                    \
    X(nn_connect, int, (int, const char *))                                                 \
    X(nn_shutdown, int, (int, int))                                                         \
    X(nn_sendmsg, int, (int, const struct nn_msghdr *, int))                                \
    X(nn_recvmsg, int, (int, struct nn_msghdr *, int))

/* Constants that the C side needs, by their names in nn_symbol_info. */
#define ANYMQ_NN_CONSTANTS(X)                                                               \
    X(AF_SP) X(AF_SP_RAW) X(NN_SOL_SOCKET) X(NN_SNDFD) X(NN_RCVFD) X(NN_DONTWAIT)           \
    X(NN_PAIR) X(NN_PUSH) X(NN_REQ) X(NN_REP) X(NN_RESPONDENT) X(NN_RCVMAXSIZE)             \
    X(NN_REQ_RESEND_IVL)                                                                    \
    X(EAGAIN) X(EINTR) X(EINVAL) X(EMSGSIZE) X(ENOMEM)                                      \
    X(NN_STAT_ESTABLISHED_CONNECTIONS) X(NN_STAT_ACCEPTED_CONNECTIONS)                      \
    X(NN_STAT_DROPPED_CONNECTIONS) X(NN_STAT_BROKEN_CONNECTIONS)                            \
    X(NN_STAT_CONNECT_ERRORS) X(NN_STAT_CURRENT_CONNECTIONS) X(NN_STAT_MESSAGES_RECEIVED)

/* One opened library. It stays loaded for the life of the process: its threads run its code. */
typedef struct anymq_nn_lib {
    struct anymq_nn_lib *next;
    void *dl;
#define ANYMQ_NN_FIELD(name, result, parameters) result(*name) parameters;
    ANYMQ_NN_FUNCTIONS(ANYMQ_NN_FIELD)
#undef ANYMQ_NN_FIELD
    uint64_t (*nn_get_statistic)(int, int); /* or NULL: then nobody knows of peers */
    struct {
#define ANYMQ_NN_FIELD(name) int k_##name;
        ANYMQ_NN_CONSTANTS(ANYMQ_NN_FIELD)
#undef ANYMQ_NN_FIELD
    } k;
    bool before_1_1; /* has defects that are kept away from: see releases.py */
    char path[1024];
} anymq_nn_lib;

/* What next_event has seen so far; guarded by the socket's lock. */
typedef struct anymq_nn_watch {
    bool started;
    int64_t looked_ns; /* CLOCK_MONOTONIC of the last look */
    uint64_t ended;
    uint64_t refused;
    int64_t current;
    int64_t owed; /* disconnections seen whose end is not yet in the counters */
    uint64_t pending[4];
} anymq_nn_watch;

/* A name that a socket listens at or dials; never removed while the socket is open. */
typedef struct anymq_nn_name {
    struct anymq_nn_name *next;
    char text[];
} anymq_nn_name;

/* What an endpoint is (anymq_nn_note). */
enum { ANYMQ_NN_REMOTE, ANYMQ_NN_IPC, ANYMQ_NN_INPROC };

typedef struct anymq_nn_socket {
    const anymq_nn_lib *lib;
    int s;
    int protocol;
    bool raw;
    bool waits_for_peer; /* REQ: the library takes a request without any peer, anymq does not */
    bool tells_writable; /* NN_SNDFD means: the former message is out of the process */
    bool answers;        /* REP, RESPONDENT: the library forgets what it is to answer when it is asked
                            for the next, though there is none */
    int owes_answer;     /* the same: received and not yet answered */
    int asked;           /* REQ: a request was sent and its reply not yet received */
    int64_t asked_ns;    /* and when */
    int may_have_strays; /* see strays.c */
    int send_fd, recv_fd;
    uint64_t sent;      /* messages that the library took */
    uint64_t clean;     /* how many of them are known to have left */
    uint64_t ended;     /* connections that had ended when `clean` was last all */
    anymq_nn_name *paths;                /* of ipc endpoints; guarded by lock */
    anymq_nn_name *names;                /* of inproc endpoints; guarded by inproc.c's lock */
    struct anymq_nn_socket *next_inproc; /* the same */
    bool leaving;                        /* the same: nn_close is under way */
    int others;                          /* has endpoints that are not inproc */
    uint64_t taken;                      /* inproc.c: what its peers had received when last seen */
    int64_t taken_ns;                    /* and when that had last changed */
    pthread_mutex_t lock;
    anymq_nn_watch watch;
} anymq_nn_socket;

/* table.c */
int anymq_nn_open(const char *name, anymq_nn_lib **out, char *error, size_t error_size);
void *anymq_nn_own_symbol(void *dl, const char *name);

/* probe.c: 1, or 0 where a message that was shortened is lost, or ANYMQ_UNKNOWN */
int anymq_nn_keeps_place(const anymq_nn_lib *lib);

/* socket.c */
anymq_nn_socket *anymq_nn_socket_new(const anymq_nn_lib *lib, int protocol, int raw, int *error);
int anymq_nn_socket_close(void *sock, int64_t linger_ms);
int anymq_nn_wait_fd(void *sock, int direction);
bool anymq_nn_readable(int fd); /* also for NN_SNDFD, which is readable when one may send */

/* message.c */
int anymq_nn_msg_init(void *sock, anymq_msg *m, const void *header, size_t header_size,
                      const void *data, size_t size);
void anymq_nn_msg_release(void *sock, anymq_msg *m);
void anymq_nn_msg_free(const anymq_ops *ops, anymq_msg *m); /* its socket may be closed */
int anymq_nn_try_send(void *sock, anymq_msg *m);
int anymq_nn_try_recv(void *sock, anymq_msg *m);

/* peers.c */
int anymq_nn_peers(void *sock, uint32_t endpoint);
int anymq_nn_peer_fd(void *sock);
int anymq_nn_next_event(void *sock, anymq_event *e);
int64_t anymq_nn_connected(const anymq_nn_socket *s);
uint64_t anymq_nn_ended(const anymq_nn_socket *s);
uint64_t anymq_nn_statistic(const anymq_nn_socket *s, int which);
int64_t anymq_nn_now_ns(void);

/* drain.c: `sent`, `clean` and `ended` */
void anymq_nn_before_send(anymq_nn_socket *s);
void anymq_nn_after_send(anymq_nn_socket *s);
int anymq_nn_drained(void *sock);

/* strays.c: `asked`, `asked_ns` and `may_have_strays`; last_reply comes before nn_close */
void anymq_nn_before_request(anymq_nn_socket *s);
void anymq_nn_after_request(anymq_nn_socket *s);
void anymq_nn_after_reply(anymq_nn_socket *s);
anymq_nn_socket *anymq_nn_last_reply(anymq_nn_socket *s);

/* socket.c: what the socket has an endpoint for; `name` is its path or its inproc name */
int anymq_nn_note(anymq_nn_socket *s, int kind, const char *name);

/* inproc.c: sockets of this process that can be one another's peers */
void anymq_nn_inproc_add(anymq_nn_socket *s, anymq_nn_name *name);
bool anymq_nn_inproc_crowded(const anymq_nn_socket *s, const char *name);
void anymq_nn_inproc_leave(anymq_nn_socket *s);
void anymq_nn_inproc_remove(anymq_nn_socket *s);
int anymq_nn_inproc_taken(anymq_nn_socket *s);

/* parting.c: before_close and after_close go around nn_close */
typedef struct anymq_nn_parting anymq_nn_parting;
anymq_nn_parting *anymq_nn_before_close(anymq_nn_socket *s);
void anymq_nn_after_close(anymq_nn_parting *parting, int64_t linger_ms);
void anymq_nn_release_held(void);

/* ops.c */
const anymq_ops *anymq_nn_table(void);

#endif
