/* Opening and closing a socket, messages, and the attempts that never block. */
#include "socket.h"

#include "anymq_pages.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LET_IN_ROUNDS = 8, BE_LET_IN_ROUNDS = 40, HAND_OVER_MS = 100, REPLY_PATIENCE_MS = 90 };

void anymq_nng_fill_message(anymq_nng_socket *s, anymq_msg *m, nng_msg *message)
{
    const nng_table *fn = &s->library->fn;

    m->native.ptr = message;
    m->native.words[1] = (uint64_t)(uintptr_t)s->library;
    m->data = fn->msg_body(message);
    m->size = fn->msg_len(message);
    m->header = NULL;
    m->header_size = 0;
    m->flags = 0;
    m->peer = fn->msg_get_pipe(message).id;
    if (s->flags & NNG_IS_RAW) {
        m->header = fn->msg_header(message);
        m->header_size = fn->msg_header_len(message);
    }
}

int anymq_nng_message_init(void *socket, anymq_msg *m, const void *header, size_t header_size,
                           const void *data, size_t size)
{
    anymq_nng_socket *s = socket;
    const nng_table *fn = &s->library->fn;
    nng_msg *message = NULL;
    int rv;

    memset(m, 0, sizeof *m);
    rv = fn->msg_alloc(&message, size);
    if (rv != 0)
        return rv;
    if (size > 0) {
        anymq_large_pages(fn->msg_body(message), size);
        memcpy(fn->msg_body(message), data, size);
    }
    if (header_size > 0) {
        rv = fn->msg_header_append(message, header, header_size);
        if (rv != 0) {
            fn->msg_free(message);
            return rv;
        }
    }
    anymq_nng_fill_message(s, m, message);
    return ANYMQ_OK;
}

void anymq_nng_message_release(void *socket, anymq_msg *m)
{
    anymq_nng_socket *s = socket;

    if (m->native.ptr != NULL)
        s->library->fn.msg_free(nng_message(m));
    memset(m, 0, sizeof *m);
}

void anymq_nng_message_free(const anymq_ops *ops, anymq_msg *m)
{
    const anymq_nng_library *library = (const anymq_nng_library *)(uintptr_t)m->native.words[1];

    (void)ops; /* sockets and contexts have tables of their own */
    library->fn.msg_free(nng_message(m));
}

/* A reply goes to the peer of the message that was received last; anything else goes to whomever
 * the library chooses, and only the sum is known. */
void anymq_nng_note_sent(anymq_nng_socket *s, const anymq_msg *m)
{
    nng_pipes *pipes = s->parent != NULL ? &s->parent->pipes : &s->pipes;
    uint32_t asker;

    (void)m;
    atomic_fetch_add_explicit(s->parent != NULL ? &s->parent->sent : &s->sent, 1, memory_order_relaxed);
    if (!(s->flags & NNG_TO_ASKER))
        return;
    asker = atomic_load_explicit(&s->asker, memory_order_relaxed);
    pthread_mutex_lock(&pipes->lock);
    for (size_t i = 0; i < pipes->count; i++) {
        if (pipes->list[i].pipe == asker) {
            pipes->list[i].due++;
            break;
        }
    }
    pthread_mutex_unlock(&pipes->lock);
}

void anymq_nng_note_received(anymq_nng_socket *s, const anymq_msg *m)
{
    if (s->flags & NNG_TO_ASKER) {
        atomic_store_explicit(&s->asker, m->peer, memory_order_relaxed);
        s->answer.asked = 1;
    }
}

/* An attempt is a wait of no time: nng_sendmsg and nng_recvmsg would make, and free while another
 * thread may still look at it, an operation for every message.
 *
 * A reply that nng cannot pass on at once is lost with the state that says whom it is for, so it
 * must not be tried without patience: the peer's next request may arrive before nng has noted that
 * the last reply has left. BUS and its like wait for nobody, but hand a message to another of nng's
 * threads. */
int anymq_nng_send(void *socket, anymq_msg *m, int timeout_ms)
{
    anymq_nng_socket *s = socket;
    int patience = s->flags & NNG_TO_ASKER ? REPLY_PATIENCE_MS : s->flags & NNG_TO_ALL ? HAND_OVER_MS : 0;

    if (atomic_load(&s->posts.begun))
        return anymq_nng_post(s, m, timeout_ms);
    return anymq_nng_wait_send(s, m, timeout_ms >= 0 && timeout_ms < patience ? patience : timeout_ms);
}

static int try_send(void *socket, anymq_msg *m)
{
    return anymq_nng_send(socket, m, 0);
}

int anymq_nng_try_recv(void *socket, anymq_msg *m)
{
    return anymq_nng_wait_recv(socket, m, 0);
}

/* nng loses a descriptor when a listener closes just as a peer completes its handshake. And before 1.5
 * (not seen later), where an inproc dialer closes between being accepted and being told so, the
 * listener keeps a peer that is gone, for ever. */
static int rounds_for_first_peer(anymq_nng_socket *s, uint32_t number)
{
    int rounds = 0;

    pthread_mutex_lock(&s->pipes.lock);
    for (size_t i = 0; i < s->pipes.endpoint_count; i++) {
        const nng_endpoint *endpoint = &s->pipes.endpoints[i];
        if (endpoint->had_peer || (number != 0 && endpoint->number != number))
            continue;
        if (endpoint->number & NNG_LISTENER_BIT)
            rounds = rounds > LET_IN_ROUNDS ? rounds : LET_IN_ROUNDS;
        else if (strncmp(endpoint->url, "inproc:", 7) == 0)
            rounds = BE_LET_IN_ROUNDS;
    }
    pthread_mutex_unlock(&s->pipes.lock);
    return rounds;
}

/* An endpoint that had no peer yet may have its first one at the door: let them come together. */
void anymq_nng_let_peers_in(anymq_nng_socket *s, uint32_t number)
{
    struct timespec moment = {0, 500000};

    for (int round = 0; round < rounds_for_first_peer(s, number); round++)
        nanosleep(&moment, NULL);
}

void anymq_nng_let_go(anymq_nng_socket *s)
{
    if (atomic_fetch_sub(&s->holders, 1) > 1)
        return;
    anymq_nng_pipes_free(s);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* nng closes at once and drops what is queued: the engine has waited for drained() before. */
static int close_socket(void *socket, int64_t linger_ms)
{
    anymq_nng_socket *s = socket;
    int rv;

    (void)linger_ms;
    anymq_nng_end_contexts(s);
    anymq_nng_let_peers_in(s, 0);
    anymq_nng_hang_up(s, 0);
    atomic_store(&s->pipes.closing, 1);
    rv = s->library->fn.close(s->id);
    anymq_nng_reply_free(s);
    anymq_nng_ahead_free(s);
    anymq_nng_posts_free(s);
    anymq_nng_free_waits(s);
    anymq_nng_let_go(s);
    return rv == NNG_ECLOSED ? 0 : rv;
}

int anymq_nng_close(anymq_nng_socket *socket)
{
    return close_socket(socket, 0);
}

static int call_opener(anymq_nng_library *library, const char *opener, nng_handle *id)
{
    int (*open)(nng_handle *) = NULL;
    void *symbol = anymq_nng_symbol(library, opener);

    if (symbol == NULL)
        return NNG_ENOTSUP;
    memcpy(&open, &symbol, sizeof open);
    return open(id);
}

/* Before 1.4, which brought this function, a SUB's descriptor cannot be relied on. Before 1.2 it
 * tells of messages that nobody subscribed to, since they are passed over only when they are
 * received (and an attempt that finds no others is never over). Later it is raised for a message
 * that a waiting receive took, and then not again for the next. */
static int descriptor_lies(const anymq_nng_library *library, int flags)
{
    return (flags & NNG_IS_SUB) && library->fn.stat_bool == NULL;
}

anymq_nng_socket *anymq_nng_open(anymq_nng_library *library, const char *opener, int flags, int *error)
{
    anymq_nng_socket *s = calloc(1, sizeof *s);

    *error = NNG_ENOMEM;
    if (s == NULL)
        return NULL;
    s->library = library;
    s->flags = flags | (descriptor_lies(library, flags) ? NNG_FD_LIES : 0);
    atomic_store(&s->send_fd, -1);
    atomic_store(&s->recv_fd, -1);
    atomic_store(&s->holders, 1);
    s->busy.next = s->busy.previous = &s->busy;
    *error = call_opener(library, opener, &s->id);
    if (*error != 0) {
        free(s);
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    *error = anymq_nng_pipes_init(s);
    if (*error == 0)
        *error = anymq_nng_reply_init(s);
    if (*error != 0) {
        close_socket(s, 0);
        return NULL;
    }
    return s;
}

int anymq_nng_reopen(anymq_nng_socket *s, const char *opener, int flags)
{
    nng_handle fresh, old = s->id;
    int rv;

    if (s->pipes.endpoint_count > 0 || atomic_load(&s->ahead.begun) || atomic_load(&s->posts.begun))
        return NNG_EBUSY;
    rv = call_opener(s->library, opener, &fresh);
    if (rv != 0)
        return rv;
    s->id = fresh;
    s->flags = flags;
    rv = anymq_nng_watch(s);
    if (rv != 0) {
        s->id = old;
        s->library->fn.close(fresh);
        return rv;
    }
    s->library->fn.close(old);
    atomic_store(&s->send_fd, -1);
    atomic_store(&s->recv_fd, -1);
    return 0;
}

uint32_t anymq_nng_id(anymq_nng_socket *socket)
{
    return socket->id.id;
}

void anymq_nng_fill_ops(anymq_ops *ops)
{
    *ops = (anymq_ops){
        .abi = ANYMQ_OPS_ABI,
        .size = sizeof *ops,
        .traits = ANYMQ_NATIVE_WAIT,
        .msg_init = anymq_nng_message_init,
        .msg_release = anymq_nng_message_release,
        .msg_free = anymq_nng_message_free,
        .try_send = try_send,
        .try_recv = anymq_nng_try_recv,
        .wait_fd = anymq_nng_wait_fd,
        .wait_send = anymq_nng_send,
        .wait_recv = anymq_nng_wait_recv,
        .interrupt = anymq_nng_interrupt,
        .drained = anymq_nng_drained,
        .peers = anymq_nng_peers,
        .peer_fd = anymq_nng_peer_fd,
        .next_event = anymq_nng_next_event,
        .close = close_socket,
    };
}
