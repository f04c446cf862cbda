/* The operations that the engine calls on a libzmq socket, and the cold ones that Python calls.
 *
 * try_send, try_recv and their helpers are the hottest code of the backend: the functions are
 * cached in the socket, and a zmq_msg_t lives in place in the anymq_msg.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket.h"

static int op_msg_init(void *sock, anymq_msg *m, const void *header, size_t header_size,
                       const void *data, size_t size)
{
    const azmq_sock *s = sock;
    memset(m, 0, sizeof *m);
    if (s->msg_init_size(&m->native, size) != 0) {
        int error = s->get_errno();
        memset(&m->native, 0, sizeof m->native);
        return error;
    }
    int error = header_size == 0 ? 0 : azmq_set_header(s, &m->native, header, header_size);
    if (error != 0) {
        s->msg_close(&m->native);
        memset(&m->native, 0, sizeof m->native);
        return error;
    }
    void *body = s->msg_data(&m->native);
    if (size != 0)
        memcpy(body, data, size);
    m->data = body;
    m->size = size;
    return ANYMQ_OK;
}

static void op_msg_release(void *sock, anymq_msg *m)
{
    if (m->data != NULL)
        ((const azmq_sock *)sock)->msg_close(&m->native);
    free((void *)m->header);
    memset(m, 0, sizeof *m);
}

static int op_msg_lend(void *sock, anymq_msg *m, void *data, size_t size,
                       void (*give_back)(void *data, void *hint), void *hint)
{
    const azmq_sock *s = sock;
    const azmq_api *api = &s->lib->api;
    anymq_msg other;
    memset(m, 0, sizeof *m);
    if (api->msg_init_data(&m->native, data, size, give_back, hint) != 0)
        return s->get_errno();
    /* Over ws libzmq masks what it sends where it lies, but for messages that had a copy once. */
    api->msg_init(&other.native);
    api->msg_copy(&other.native, &m->native);
    api->msg_close(&other.native);
    m->data = data;
    m->size = size;
    return ANYMQ_OK;
}

static void op_msg_free(const anymq_ops *ops, anymq_msg *m)
{
    const azmq_lib *lib = (const azmq_lib *)((const char *)ops - offsetof(azmq_lib, ops));
    lib->api.msg_close(&m->native);
    free((void *)m->header);
}

static int failure(const azmq_sock *s)
{
    int error = s->get_errno();
    if (error == EAGAIN)
        return ANYMQ_AGAIN;
    return error > 0 ? error : EINVAL;
}

/* Sending waits for a connected peer. ZMQ_IMMEDIATE is meant for that, but inproc ignores it, and a
 * socket that receives as well must not have it: when a connection ends libzmq then drops what
 * arrived and was not read yet, a reply for instance. So sockets are gated: they send while the
 * tables know of a peer. Those that only send have ZMQ_IMMEDIATE besides, which keeps each message
 * away from those of several addresses that are not connected. */
void azmq_set_gated(azmq_sock *s, int gated)
{
    pthread_mutex_lock(&s->lib->lock);
    s->gated = gated;
    pthread_mutex_unlock(&s->lib->lock);
}

static int gate_is_closed(const azmq_sock *s)
{
    return s->gated && atomic_load_explicit(&s->ready, memory_order_acquire) == 0 && !s->within;
}

static int op_try_send(void *sock, anymq_msg *m)
{
    azmq_sock *s = sock;
    int flags = AZMQ_DONTWAIT;
    s->turned_back = gate_is_closed(s);
    if (__builtin_expect(s->turned_back, 0))
        return ANYMQ_AGAIN;
    if (m->flags & ANYMQ_MORE)
        flags |= AZMQ_SNDMORE;
    while (__builtin_expect(s->msg_send(&m->native, s->native, flags) < 0, 0)) {
        int result = failure(s);
        if (result != EINTR)
            return result;
    }
    s->sent = 1;
    s->within = flags & AZMQ_SNDMORE;
    if (__builtin_expect(s->header != AZMQ_NO_HEADER, 0))
        free((void *)m->header);
    memset(m, 0, sizeof *m); /* libzmq has left an empty message, which holds no memory */
    return ANYMQ_OK;
}

static int op_try_send_copy(void *sock, const void *data, size_t size)
{
    azmq_sock *s = sock;
    s->turned_back = gate_is_closed(s);
    if (__builtin_expect(s->turned_back, 0))
        return ANYMQ_AGAIN;
    while (__builtin_expect(s->send(s->native, data, size, AZMQ_DONTWAIT) < 0, 0)) {
        int result = failure(s);
        if (result != EINTR)
            return result;
    }
    s->sent = 1;
    s->within = 0;
    return ANYMQ_OK;
}

static int op_try_recv(void *sock, anymq_msg *m)
{
    azmq_sock *s = sock;
    int size;
    s->msg_init(&m->native);
    while (__builtin_expect((size = s->msg_recv(&m->native, s->native, AZMQ_DONTWAIT)) < 0, 0)) {
        int result = failure(s);
        if (result != EINTR)
            return result;
    }
    m->data = s->msg_data(&m->native);
    /* Another processor has written it. In a batch it is on its way here while more are taken; so is what
     * closing the message touches, to which the second word of most points. */
    __builtin_prefetch(m->data);
    __builtin_prefetch((const char *)m->data + 64);
    __builtin_prefetch((const void *)(uintptr_t)m->native.words[1], 1);
    m->size = size < INT_MAX ? (size_t)size : s->lib->api.msg_size(&m->native);
    m->header = NULL;
    m->header_size = 0;
    m->flags = s->msg_more(&m->native) ? ANYMQ_MORE : 0;
    m->peer = 0;
    if (__builtin_expect(s->header != AZMQ_NO_HEADER, 0) && azmq_show_header(s, m) != 0) {
        op_msg_release(s, m);
        return ENOMEM;
    }
    return ANYMQ_OK;
}

static int op_wait_fd(void *sock, int direction)
{
    azmq_sock *s = sock;
    if (direction == ANYMQ_WRITABLE && s->turned_back)
        return azmq_gate_fd(s);
    return s->fd; /* one for both directions */
}

static int op_events(void *sock)
{
    azmq_sock *s = sock;
    int events = 0;
    size_t size = sizeof events;
    while (s->lib->api.getsockopt(s->native, AZMQ_OPT_EVENTS, &events, &size) != 0)
        if (s->get_errno() != EINTR)
            return ANYMQ_READABLE | ANYMQ_WRITABLE; /* the attempt that follows tells what is wrong */
    if (gate_is_closed(s))
        events &= ~ANYMQ_WRITABLE;
    else if (s->turned_back) /* the gate has opened: an attempt tells what to wait for from here on */
        events |= ANYMQ_WRITABLE;
    return events & (ANYMQ_READABLE | ANYMQ_WRITABLE); /* ZMQ_POLLIN and ZMQ_POLLOUT are the same */
}

static int op_drained(void *sock)
{
    return ((const azmq_sock *)sock)->sent ? ANYMQ_UNKNOWN : 1;
}

/* libzmq gives an address up in a moment, on threads of its own; these may have to wait for a
 * processor. So many looks take some two seconds. */
enum { LOOKS = 4000 };

static void pause_before_look(int number)
{
    usleep(number < 20 ? 50 : 500);
}

/* Wait until an address that was unbound is free, as libzmq's monitor tells. */
static void wait_until_free(azmq_sock *s, uint32_t number)
{
    int open = 1;
    for (int i = 0; i < LOOKS && open; i++) {
        pthread_mutex_lock(&s->lib->lock);
        open = azmq_still_listening(s, number);
        pthread_mutex_unlock(&s->lib->lock);
        if (open)
            pause_before_look(i);
    }
}

/* Whether libzmq has closed the listener that it had here. The descriptor's number may be another
 * file's by now; the file behind it tells. The name of a local socket is removed after that. */
static int gone(const azmq_endpoint *e)
{
    struct stat now;
    if (fstat(e->fd, &now) == 0 && now.st_ino == e->inode)
        return 0;
    return e->file == 0 || lstat(e->given + strlen("ipc://"), &now) != 0 || now.st_ino != e->file;
}

/* libzmq closes its listeners on threads of its own, soon after the socket, and whoever listens
 * there next would now and then find the address in use. Unbinding before would be simpler, but
 * libzmq then drops what it still has to send to those that dialled. */
static void wait_until_gone(const azmq_sock *s)
{
    for (size_t i = 0; i < s->endpoint_count; i++) {
        const azmq_endpoint *e = &s->endpoints[i];
        for (int j = 0; e->listening && e->fd >= 0 && j < LOOKS && !gone(e); j++)
            pause_before_look(j);
    }
}

/* Names of inproc must be given up by hand to be free at once. That ends no connection. */
static void unbind_names(azmq_sock *s)
{
    for (size_t i = 0; i < s->endpoint_count; i++)
        if (s->endpoints[i].listening && s->endpoints[i].inproc)
            s->lib->api.unbind(s->native, s->endpoints[i].actual);
}

static int op_close(void *sock, int64_t linger_ms)
{
    azmq_sock *s = sock;
    azmq_lib *lib = s->lib;
    pthread_mutex_lock(&lib->lock);
    int ours = s->forks == lib->forks;
    if (ours)
        azmq_inproc_forget(s, 0);
    pthread_mutex_unlock(&lib->lock);
    int result = 0;
    if (ours) { /* else it belongs to the parent of a fork: nothing of it may be touched here */
        int linger = linger_ms < 0 ? -1 : linger_ms > INT_MAX ? INT_MAX : (int)linger_ms;
        if (linger > 0 && s->endless_linger)
            linger = -1;
        lib->api.setsockopt(s->native, AZMQ_OPT_LINGER, &linger, sizeof linger);
        unbind_names(s);
        azmq_monitor_stop(s);
        if (lib->api.close(s->native) != 0)
            result = failure(s);
        wait_until_gone(s);
    }
    azmq_free_peers(s);
    free(s);
    return result;
}

void azmq_fill_ops(anymq_ops *ops)
{
    *ops = (anymq_ops){
        .abi = ANYMQ_OPS_ABI,
        .size = sizeof *ops,
        .traits = ANYMQ_NEEDS_LOCK | ANYMQ_EDGE | ANYMQ_SHORT_TRY | ANYMQ_LINGERS,
        .msg_init = op_msg_init,
        .msg_release = op_msg_release,
        .msg_lend = op_msg_lend,
        .msg_free = op_msg_free,
        .try_send = op_try_send,
        .try_recv = op_try_recv,
        .try_send_copy = op_try_send_copy,
        .wait_fd = op_wait_fd,
        .events = op_events,
        .drained = op_drained,
        .peers = azmq_op_peers,
        .peer_fd = azmq_op_peer_fd,
        .next_event = azmq_op_next_event,
        .close = op_close,
    };
}

int azmq_socket(azmq_lib *lib, int type, azmq_sock **result)
{
    int error = ENOMEM;
    void *ctx = azmq_context(lib, &error);
    if (ctx == NULL)
        return error;
    azmq_sock *s = calloc(1, sizeof *s);
    if (s == NULL)
        return ENOMEM;
    const azmq_api *api = &lib->api;
    s->native = api->socket(ctx, type);
    if (s->native == NULL) {
        error = api->get_errno();
        free(s);
        return error;
    }
    s->send = api->send;
    s->msg_send = api->msg_send;
    s->msg_recv = api->msg_recv;
    s->msg_init = api->msg_init;
    s->msg_init_size = api->msg_init_size;
    s->msg_close = api->msg_close;
    s->msg_more = api->msg_more;
    s->msg_data = api->msg_data;
    s->get_errno = api->get_errno;
    s->lib = lib;
    s->forks = lib->forks;
    s->type = type;
    s->news_fd = -1;
    s->gate_fd = -1;
    s->monitor_fd = -1;
    s->header = azmq_header_of(api, type);
    size_t size = sizeof s->fd;
    if (api->getsockopt(s->native, AZMQ_OPT_FD, &s->fd, &size) != 0)
        s->fd = -1; /* draft types have none */
    *result = s;
    return 0;
}

int azmq_become(azmq_sock *s, int type)
{
    const azmq_api *api = &s->lib->api;
    int error = 0, none = 0;
    size_t size = sizeof s->fd;
    void *ctx = azmq_context(s->lib, &error);
    if (ctx == NULL)
        return error;
    void *fresh = api->socket(ctx, type);
    if (fresh == NULL)
        return api->get_errno();
    api->setsockopt(s->native, AZMQ_OPT_LINGER, &none, sizeof none);
    api->close(s->native);
    s->native = fresh;
    s->type = type;
    if (api->getsockopt(s->native, AZMQ_OPT_FD, &s->fd, &size) != 0)
        s->fd = -1;
    return 0;
}

/* Before 4.2.3 a connection that is lost while a socket with ZMQ_IMMEDIATE lingers for a limited
 * time aborts the process when the time is over. Such sockets linger without a limit there: until
 * the peer has taken what was sent, or has left. */
#define LIMITED_LINGER_SINCE 40203

static void set_endless_linger(azmq_sock *s)
{
    int endless = -1;
    s->endless_linger = 1;
    s->lib->api.setsockopt(s->native, AZMQ_OPT_LINGER, &endless, sizeof endless);
}

int azmq_setopt(azmq_sock *s, int option, const void *value, size_t size)
{
    int on = 0;
    if (option == AZMQ_OPT_IMMEDIATE && s->lib->number_version < LIMITED_LINGER_SINCE
        && size == sizeof on) {
        memcpy(&on, value, sizeof on);
        if (on)
            set_endless_linger(s);
    }
    while (s->lib->api.setsockopt(s->native, option, value, size) != 0) {
        int error = s->get_errno();
        if (error != EINTR)
            return error;
    }
    return 0;
}

int azmq_getopt(azmq_sock *s, int option, void *value, size_t *size)
{
    while (s->lib->api.getsockopt(s->native, option, value, size) != 0) {
        int error = s->get_errno();
        if (error != EINTR)
            return error;
    }
    return 0;
}

void azmq_discard(azmq_sock *s)
{
    op_close(s, 0);
}

uintptr_t azmq_native(const azmq_sock *s)
{
    return (uintptr_t)s->native;
}

/* libzmq gives an endpoint no number: ours is given out before it is bound or connected, so that
 * no event of it can be missed. */
static azmq_endpoint *begin(azmq_sock *s, int listening, const char *url, uint32_t *number,
                            int *error)
{
    *error = azmq_monitor_start(s);
    if (*error != 0)
        return NULL;
    azmq_endpoint *endpoint = azmq_add_endpoint(s, listening, url);
    if (endpoint == NULL)
        *error = ENOMEM;
    else
        *number = endpoint->number;
    return endpoint;
}

static void read_back(azmq_sock *s, char *text, size_t size)
{
    size_t length = size;
    if (s->lib->api.getsockopt(s->native, AZMQ_OPT_LAST_ENDPOINT, text, &length) != 0)
        text[0] = '\0';
}

int azmq_listen(azmq_sock *s, const char *url, uint32_t *number, char *actual, size_t size)
{
    azmq_lib *lib = s->lib;
    int error;
    pthread_mutex_lock(&lib->lock);
    azmq_endpoint *endpoint = begin(s, 1, url, number, &error);
    pthread_mutex_unlock(&lib->lock);
    if (endpoint == NULL)
        return error;
    while ((error = lib->api.bind(s->native, url) == 0 ? 0 : s->get_errno()) == EINTR) {
    }
    if (error == 0)
        read_back(s, actual, size);
    pthread_mutex_lock(&lib->lock);
    if (error != 0) {
        azmq_push_event(s, ANYMQ_EV_LISTEN_FAILED, 0, error, 0, url);
        azmq_drop_endpoint(s, *number, 0);
    } else {
        endpoint = azmq_find_endpoint(s, *number);
        snprintf(endpoint->actual, sizeof endpoint->actual, "%s", actual[0] ? actual : url);
        azmq_push_event(s, ANYMQ_EV_LISTENING, 0, 0, 0, endpoint->actual);
        if (endpoint->inproc)
            azmq_inproc_bound(s, endpoint);
        azmq_monitor_drain(s); /* whoever connected meanwhile is known by the address just read */
    }
    pthread_mutex_unlock(&lib->lock);
    return error;
}

/* `peer` is the routing id of who is there, 0 where libzmq tells none. */
int azmq_dial(azmq_sock *s, const char *url, uint32_t *number, uint32_t *peer)
{
    azmq_lib *lib = s->lib;
    int error;
    pthread_mutex_lock(&lib->lock);
    azmq_endpoint *endpoint = begin(s, 0, url, number, &error);
    pthread_mutex_unlock(&lib->lock);
    if (endpoint == NULL)
        return error;
    *peer = 0;
    error = azmq_connect(s, url, peer);
    pthread_mutex_lock(&lib->lock);
    if (error != 0) {
        azmq_drop_endpoint(s, *number, 0);
    } else {
        endpoint = azmq_find_endpoint(s, *number);
        if (endpoint->inproc)
            azmq_inproc_connected(s, endpoint);
    }
    pthread_mutex_unlock(&lib->lock);
    return error;
}

/* A connection that is closed ends only when the socket has answered libzmq's I/O thread, and it
 * answers when it is used: use it for as long as there is something to answer. */
static void answer(azmq_sock *s)
{
    struct pollfd fd = { .fd = s->fd, .events = POLLIN };
    for (int i = 0, ms = 100; i < 64 && poll(&fd, 1, ms) > 0; i++, ms = 5)
        op_events(s);
}

/* Unbind or disconnect. Two endpoints with one address are one to libzmq: it is asked only when
 * the last of them goes. */
int azmq_close_endpoint(azmq_sock *s, uint32_t number)
{
    azmq_lib *lib = s->lib;
    char url[AZMQ_URL_SIZE], given[AZMQ_URL_SIZE];
    int error = 0, listening = 0, inproc = 0, twin = 0, connected = 0;
    pthread_mutex_lock(&lib->lock);
    azmq_endpoint *endpoint = azmq_find_endpoint(s, number);
    if (endpoint != NULL) {
        listening = endpoint->listening;
        inproc = endpoint->inproc;
        memcpy(url, listening ? endpoint->actual : endpoint->given, sizeof url);
        memcpy(given, endpoint->given, sizeof given);
        for (size_t i = 0; i < s->connection_count; i++)
            connected |= s->connections[i].endpoint == number && s->connections[i].link == 0;
        twin = azmq_find_twin(s, endpoint) != NULL;
    }
    pthread_mutex_unlock(&lib->lock);
    if (endpoint == NULL)
        return 0;
    if (!twin) {
        int (*call)(void *, const char *) = listening ? lib->api.unbind : lib->api.disconnect;
        while ((error = call(s->native, url) == 0 ? 0 : s->get_errno()) == EINTR) {
        }
        if (error == ENOENT && listening) /* some transports keep the text that they were given */
            error = call(s->native, given) == 0 ? 0 : s->get_errno();
        if (error == ENOENT)
            error = 0;
        if (connected && s->fd >= 0)
            answer(s);
        if (listening && error == 0)
            wait_until_free(s, number);
    }
    pthread_mutex_lock(&lib->lock);
    azmq_monitor_drain(s);
    if (inproc && !twin)
        azmq_inproc_forget(s, number);
    azmq_drop_endpoint(s, number, listening && inproc);
    azmq_push_event(s, ANYMQ_EV_CLOSED, 0, 0, 0, url);
    pthread_mutex_unlock(&lib->lock);
    return error;
}
