/* The C socket that the engine drives: one nng socket and what the adapter keeps beside it. */
#ifndef ANYMQ_NNG_SOCKET_H
#define ANYMQ_NNG_SOCKET_H

#include <pthread.h>
#include <stdatomic.h>

#include "library.h"

/* What kind of protocol runs on the socket. */
enum {
    NNG_IS_RAW = 1,
    NNG_IS_REQ = 2,       /* cooked: a receive belongs to the last request */
    NNG_IS_SURVEYOR = 4,  /* cooked: a receive belongs to the last survey, which expires */
    NNG_TO_ONE = 8,       /* each message goes to exactly one peer */
    NNG_TO_ALL = 16,      /* each message goes to every peer, or is dropped for a slow one */
    NNG_TO_ASKER = 32,    /* each message goes to the peer of the last one that was received */
    NNG_IS_SUB = 64,      /* cooked: receives what was subscribed to */
    NNG_FD_LIES = 128,    /* set by open: nng's descriptor for receiving is of no use */
    NNG_TAKES_STREAMS = 256, /* peers may send as much as they like, unasked */
};
#define NNG_IS_STATEFUL (NNG_IS_REQ | NNG_IS_SURVEYOR)
#define NNG_KEEPS_RECEIVE (NNG_IS_STATEFUL | NNG_FD_LIES) /* reply.c receives */

/* A connected peer. */
typedef struct {
    uint32_t pipe;
    uint32_t endpoint; /* of anymq_ops.peers */
    int counted;       /* nng counts what this transport has written */
    uint64_t due;      /* messages sent to it, as far as the adapter can tell */
    uint64_t taken;    /* drained.c: how many it had when they were last counted */
} nng_peer;

/* A dialer or listener. Both are numbered from 1, so listeners carry NNG_LISTENER_BIT here. */
typedef struct {
    uint32_t number;
    int counted;
    int had_peer;
    char url[256];
} nng_endpoint;
#define NNG_LISTENER_BIT UINT32_C(0x80000000)

enum { NNG_EVENT_RING = 256, NNG_EARLY_GONE = 16 };

/* A descriptor that is readable while it is rung; ringing twice is once. Zeroed until it is opened. */
typedef struct {
    int open;
    int fd;
    int rung;
} nng_bell;

/* pipes.c: who is connected. `lock` is taken by nng's threads; nothing of nng that waits for a
 * callback may be called while it is held. */
typedef struct {
    pthread_mutex_t lock;
    nng_peer *list;
    size_t count, room;
    atomic_int connected; /* as count, for those who do not lock */
    nng_endpoint *endpoints;
    size_t endpoint_count, endpoint_room;
    anymq_event *ring; /* allocated with the first event */
    unsigned first, waiting;
    uint32_t early_gone[NNG_EARLY_GONE]; /* removed before they were added: callbacks can overtake */
    unsigned early_next;
    int fd;
    nng_bell arrival;      /* somebody is connected; for a REQ that waits for that */
    uint64_t gone_sent;    /* what peers that are gone have taken (NNG_TO_ONE) */
    uint64_t perhaps_lost; /* how many went while something was under way */
    uint64_t settled;      /* so many had been sent, and all of them taken, when peers were last counted */
    int blind;             /* one went whose count is not known */
    atomic_int closing;
} nng_pipes;

typedef struct nng_wait {
    struct nng_wait *next, *previous;
    nng_aio *aio;
} nng_wait;

/* reply.c: the one receive of a socket with NNG_KEEPS_RECEIVE, under way across time-outs. */
typedef struct {
    nng_aio *aio;
    pthread_mutex_t lock; /* guards done and round; taken by nng's callback */
    pthread_cond_t changed;
    int done;
    unsigned round; /* counts receives that were begun or given up */
    int active;     /* guarded by the socket's lock, as are the next four */
    int waiters;    /* threads that wait for it, and whether a loop does: see anymq_nng_forgo */
    int wanted;
    int senders;    /* sends that wait for a peer */
    int survey_open; /* a survey was sent, and its end not yet reported */
    nng_bell bell;   /* guarded by `lock`; a round is over, or was */
    void (*tell)(void *listener, int direction); /* so does this, for contexts; guarded by lock */
    void *listener;
} nng_reply;

/* context.c: the answer of a REP or RESPONDENT context, on its way to a peer that may be busy. */
typedef struct {
    nng_aio *aio;
    int asked;      /* a request was received and not answered; guarded by the socket's lock */
    int under_way;  /* guarded by the reply's lock */
} nng_answer;

/* ahead.c: receives that are under way without being asked for, in the order in which they complete. */
typedef struct {
    struct nng_early *ring;
    atomic_int begun;
    pthread_mutex_t lock; /* guards all that follows; taken by nng's callbacks */
    pthread_cond_t changed;
    unsigned first, count; /* of the ring; changed with the socket's lock held besides */
    unsigned room; /* how many there may be; guarded by the socket's lock */
    int sleepers;
    nng_bell bell; /* something has come */
} nng_ahead;

/* posts.c: messages that stand in line to be sent. */
typedef struct {
    struct nng_post *all;
    atomic_int begun;
    pthread_mutex_t lock; /* guards all that follows; taken by nng's callbacks */
    pthread_cond_t changed;
    struct nng_post *spare;
    int count, sleepers;
    size_t bytes;
    nng_bell bell; /* there is room, and a peer */
} nng_posts;

typedef struct anymq_nng_socket {
    anymq_nng_library *library;
    nng_handle id;
    struct anymq_nng_socket *parent; /* context.c: of a context its socket, and `id` is the context's */
    struct anymq_nng_socket *contexts, *next_context; /* that nng has; guarded by the socket's lock */
    int ended;                       /* a context that nng has no longer; guarded likewise */
    atomic_int holders;              /* itself and its contexts: the last one frees it */
    atomic_int answers;              /* of its contexts, under way */
    _Atomic int64_t answered_ms;     /* when the last one was given to nng */
    int flags;
    pthread_mutex_t lock; /* waits and the reply */
    nng_wait busy;        /* list of native waits under way */
    nng_wait *spare;
    atomic_int interrupted;
    nng_reply reply;
    nng_ahead ahead;
    nng_posts posts;
    nng_answer answer;
    nng_pipes pipes;
    _Atomic uint64_t sent;
    _Atomic uint64_t sending; /* sends that nng may have taken and that are not among `sent` yet */
    _Atomic uint32_t asker; /* peer of the last message received (NNG_TO_ASKER) */
    atomic_int send_fd, recv_fd; /* readiness.c: nng's descriptors, -1 until asked for */
    uint64_t progress;      /* drained.c: the last sum of what has left, and when it changed */
    int64_t progress_ms;
} anymq_nng_socket;

/* socket.c */
anymq_nng_socket *anymq_nng_open(anymq_nng_library *library, const char *opener, int flags, int *error);
/* Open the socket anew with another function; NNG_EBUSY once it has an endpoint. */
int anymq_nng_reopen(anymq_nng_socket *socket, const char *opener, int flags);
int anymq_nng_close(anymq_nng_socket *socket); /* for a socket that no handle owns */
void anymq_nng_let_peers_in(anymq_nng_socket *s, uint32_t endpoint); /* before it is closed; 0: all */
uint32_t anymq_nng_id(anymq_nng_socket *socket);
void anymq_nng_fill_ops(anymq_ops *ops);
void anymq_nng_fill_message(anymq_nng_socket *s, anymq_msg *m, nng_msg *message);
void anymq_nng_note_sent(anymq_nng_socket *s, const anymq_msg *m);
void anymq_nng_note_received(anymq_nng_socket *s, const anymq_msg *m);

void anymq_nng_let_go(anymq_nng_socket *s);
/* Messages, of sockets and of contexts. */
int anymq_nng_message_init(void *socket, anymq_msg *m, const void *header, size_t header_size,
                           const void *data, size_t size);
void anymq_nng_message_release(void *socket, anymq_msg *m);
void anymq_nng_message_free(const anymq_ops *ops, anymq_msg *m); /* its socket may be closed */
int anymq_nng_send(void *socket, anymq_msg *m, int timeout_ms); /* try (0 ms) or wait */
int anymq_nng_try_recv(void *socket, anymq_msg *m);

static inline void nng_submit_send(anymq_nng_socket *s, nng_aio *aio)
{
    (s->parent != NULL ? s->library->fn.ctx_send : s->library->fn.send_aio)(s->id, aio);
}

static inline void nng_submit_recv(anymq_nng_socket *s, nng_aio *aio)
{
    (s->parent != NULL ? s->library->fn.ctx_recv : s->library->fn.recv_aio)(s->id, aio);
}

/* nng 1.12 and 2.x put the word of an abort in place of the result of an operation that is complete
 * already. Then the message tells: it is there when it was received, and gone when it was sent. */
static inline int nng_receive_result(const nng_table *fn, nng_aio *aio)
{
    int result = fn->aio_result(aio);
    return result == NNG_ECANCELED && fn->aio_get_msg(aio) != NULL ? 0 : result;
}

static inline int nng_send_result(const nng_table *fn, nng_aio *aio)
{
    int result = fn->aio_result(aio);
    return result == NNG_ECANCELED && fn->aio_get_msg(aio) == NULL ? 0 : result;
}

static inline nng_msg *nng_message(const anymq_msg *m)
{
    return m->native.ptr;
}

/* wait.c */
int anymq_nng_wait_send(void *socket, anymq_msg *m, int timeout_ms);
int anymq_nng_wait_recv(void *socket, anymq_msg *m, int timeout_ms);
int anymq_nng_attempt_recv(anymq_nng_socket *s, nng_msg **message); /* with its lock held */
int anymq_nng_failure(anymq_nng_socket *s, int result); /* the result of an operation, as the engine knows it */
void anymq_nng_interrupt(void *socket);
void anymq_nng_free_waits(anymq_nng_socket *s);
int64_t anymq_nng_clock_ms(void);
void anymq_nng_condition_init(pthread_cond_t *condition); /* whose limits are of that clock */

/* reply.c */
int anymq_nng_reply_init(anymq_nng_socket *s);
void anymq_nng_reply_free(anymq_nng_socket *s);
int anymq_nng_reply_recv(anymq_nng_socket *s, anymq_msg *m, int timeout_ms);
void anymq_nng_reply_give_up(anymq_nng_socket *s); /* with the socket's lock held */
void anymq_nng_reply_wake(anymq_nng_socket *s);
int anymq_nng_reply_fd(anymq_nng_socket *s); /* readable when the receive that this begins is over */

void anymq_nng_reply_resume(anymq_nng_socket *s); /* after a send; with the socket's lock held */
void anymq_nng_reply_hold(anymq_nng_socket *s); /* as give_up, and a message that has come is kept */
void anymq_nng_reply_ask(anymq_nng_socket *s); /* begin a receive that `tell` will tell of */
void anymq_nng_forgo(void *socket, int direction);

/* context.c */
anymq_nng_socket *anymq_nng_open_context(anymq_nng_socket *socket, int *error);
int anymq_nng_close_context(anymq_nng_socket *context); /* for one that no handle owns */
void anymq_nng_end_contexts(anymq_nng_socket *socket); /* before the socket is closed */
void anymq_nng_fill_context_ops(anymq_ops *ops, int tells);

/* ahead.c */
int anymq_nng_receives_ahead(const anymq_nng_socket *s); /* whether this kind of socket can */
int anymq_nng_ahead_fd(anymq_nng_socket *s); /* readable when something has come; begins it */
int anymq_nng_ahead_recv(anymq_nng_socket *s, anymq_msg *m, int timeout_ms);
void anymq_nng_ahead_wake(anymq_nng_socket *s);
void anymq_nng_ahead_free(anymq_nng_socket *s);

/* posts.c */
int anymq_nng_can_post(const anymq_nng_socket *s); /* whether this kind of socket can */
int anymq_nng_post_fd(anymq_nng_socket *s); /* readable when a post would be taken; begins it */
int anymq_nng_post(anymq_nng_socket *s, anymq_msg *m, int timeout_ms);
void anymq_nng_posts_wake(anymq_nng_socket *s);
void anymq_nng_post_peer(anymq_nng_socket *s); /* a peer has come */
int anymq_nng_posted(anymq_nng_socket *s); /* how many stand in line */
void anymq_nng_posts_free(anymq_nng_socket *s);

/* readiness.c: bells, and descriptors for event loops, or -1 */
int anymq_nng_bell_open(nng_bell *bell);
void anymq_nng_bell_close(nng_bell *bell);
void anymq_nng_ring(nng_bell *bell);
void anymq_nng_unring(nng_bell *bell);
int anymq_nng_send_fd(anymq_nng_socket *s);
int anymq_nng_wait_fd(void *socket, int direction);

/* pipes.c */
int anymq_nng_watch(anymq_nng_socket *s); /* ask nng to tell of pipes */
int anymq_nng_pipes_init(anymq_nng_socket *s);
void anymq_nng_pipes_free(anymq_nng_socket *s);
int anymq_nng_peers(void *socket, uint32_t endpoint);
int anymq_nng_peer_fd(void *socket);
int anymq_nng_arrival_fd(anymq_nng_socket *s); /* readable when somebody is connected */
int anymq_nng_next_event(void *socket, anymq_event *event);
int anymq_nng_add_endpoint(anymq_nng_socket *s, uint32_t number, int counted, const char *url);
void anymq_nng_remove_endpoint(anymq_nng_socket *s, uint32_t number);

/* hangup.c: end the connections of an endpoint (0: all), where nng may not do it itself */
void anymq_nng_hang_up(anymq_nng_socket *s, uint32_t endpoint);

/* drained.c */
int anymq_nng_drained(void *socket);
/* All statistics of the library, or NULL where it keeps none. */
nng_stat *anymq_nng_snapshot(anymq_nng_library *library);
/* A pipe's counter goes with it. Taken before the list is locked; NULL where it will not be missed. */
nng_stat *anymq_nng_before_removal(anymq_nng_socket *s, uint64_t *begun);
/* Whether a pipe is among them; true also where there are none. */
int anymq_nng_keeps_statistics_of(anymq_nng_socket *s, uint32_t pipe);
void anymq_nng_account_removal(anymq_nng_socket *s, nng_stat *root, uint64_t begun, uint64_t posted,
                               const nng_peer *peer);
void anymq_nng_free_statistics(anymq_nng_socket *s, nng_stat *root);

#endif
