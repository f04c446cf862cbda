/* Connections, and the messages on them. The thread of a socket makes connections, reads, and writes
 * what could not be written at once. It alone closes descriptors and frees connections: callers
 * mark them. */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

static void put_last(queue *q, lb_msg *msg)
{
    msg->next = NULL;
    *(q->count++ == 0 ? &q->first : q->end) = msg;
    q->end = &msg->next;
}

static lb_msg *take_first(queue *q)
{
    lb_msg *msg = q->first;
    q->first = msg->next;
    q->count--;
    return msg;
}

void lb_free_all(queue *q)
{
    while (q->count > 0)
        free(take_first(q));
}

static void set_event(int fd, bool *is_set, bool wanted)
{
    uint64_t one = 1;
    if (*is_set == wanted)
        return;
    *is_set = wanted;
    if ((wanted ? write(fd, &one, sizeof one) : read(fd, &one, sizeof one)) < 0)
        abort(); /* an event descriptor takes and gives a 1 */
}

void lb_wake(lb_socket *s)
{
    eventfd_write(s->wake, 1);
}

static bool can_take(const lb_socket *s, const connection *c)
{
    return c->is_peer && !c->is_broken && s->kind != PULL &&
           c->out.count < s->options[SEND_BUFFER];
}

static bool has_room(const lb_socket *s)
{
    return s->received.count < s->options[RECV_BUFFER];
}

/* Have the descriptors tell what is so. */
void lb_settle(lb_socket *s)
{
    bool writable = false;
    for (connection *c = s->connections; c != NULL; c = c->next)
        writable = writable || can_take(s, c);
    set_event(s->writable, &s->is_writable, writable);
    set_event(s->readable, &s->is_readable, s->received.count > 0);
}

/* Messages */

static void write_out(connection *c)
{
    while (c->out.count > 0 && !c->is_broken) {
        lb_msg *msg = c->out.first;
        uint64_t head = htobe64(msg->size);
        size_t head_put = c->put < HEAD ? c->put : HEAD, body_put = c->put - head_put;
        struct iovec parts[2] = {{(char *)&head + head_put, HEAD - head_put},
                                 {msg->data + body_put, msg->size - body_put}};
        struct msghdr what = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n = sendmsg(c->fd, &what, MSG_NOSIGNAL);
        if (n < 0) {
            c->is_broken = errno != EAGAIN && errno != EINTR;
            return;
        }
        c->put += (size_t)n;
        if (c->put == HEAD + msg->size) {
            free(take_first(&c->out));
            c->put = 0;
        }
    }
}

int lb_send(lb_socket *s, lb_msg *msg)
{
    int result = -EAGAIN;
    pthread_mutex_lock(&s->lock);
    connection **at = &s->connections;
    while (*at != NULL && !can_take(s, *at))
        at = &(*at)->next;
    if (*at != NULL) {
        connection *c = *at, **last = at;
        while (*last != NULL)
            last = &(*last)->next;
        *at = c->next; /* the next message is for the next peer */
        *(last == &c->next ? at : last) = c;
        c->next = NULL;
        put_last(&c->out, msg);
        write_out(c);
        if (c->out.count > 0)
            lb_wake(s);
        lb_settle(s);
        result = 0;
    }
    pthread_mutex_unlock(&s->lock);
    return result;
}

int lb_recv(lb_socket *s, lb_msg **msg)
{
    int result = -EAGAIN;
    pthread_mutex_lock(&s->lock);
    if (s->received.count > 0) {
        if (!has_room(s))
            lb_wake(s);
        *msg = take_first(&s->received);
        lb_settle(s);
        result = 0;
    }
    pthread_mutex_unlock(&s->lock);
    return result;
}

/* Whether the peer that greets is one that this socket talks to. */
static bool is_welcome(const lb_socket *s, const connection *c)
{
    static const int other[] = {[PAIR] = PAIR, [PUSH] = PULL, [PULL] = PUSH};
    for (const connection *o = s->connections; o != NULL && s->kind == PAIR; o = o->next)
        if (o->is_peer && !o->is_broken)
            return false;
    return memcmp(c->head, "LB\1", 3) == 0 && c->head[3] == other[s->kind];
}

static bool greet(const lb_socket *s, const connection *c)
{
    unsigned char greeting[GREETING] = {'L', 'B', 1, (unsigned char)s->kind};
    return send(c->fd, greeting, GREETING, MSG_NOSIGNAL) == GREETING;
}

/* A head, or the greeting, is complete: false where the connection must end. */
static bool take_head(lb_socket *s, connection *c)
{
    if (!c->is_peer) {
        c->is_peer = is_welcome(s, c) && (c->dialled || greet(s, c));
        return c->is_peer;
    }
    uint64_t size;
    memcpy(&size, c->head, sizeof size);
    size = be64toh(size);
    if (s->kind == PUSH || size > (uint64_t)s->options[RECV_MAX_SIZE])
        return false;
    c->in = lb_alloc(size);
    return c->in != NULL;
}

static void read_in(lb_socket *s, connection *c)
{
    while (!c->is_broken && has_room(s)) {
        unsigned char *into = c->in != NULL ? c->in->data : c->head;
        size_t wanted = c->in != NULL ? c->in->size : c->is_peer ? HEAD : GREETING;
        if (c->got < wanted) {
            ssize_t n = recv(c->fd, into + c->got, wanted - c->got, 0);
            if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
            c->is_broken = n <= 0;
            c->got += n > 0 ? (size_t)n : 0;
        }
        if (c->is_broken || c->got < wanted)
            continue;
        c->got = 0;
        if (c->in == NULL) {
            c->is_broken = !take_head(s, c);
        } else {
            put_last(&s->received, c->in);
            c->in = NULL;
        }
    }
}

/* Connections */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static bool add_connection(lb_socket *s, endpoint *e, int fd)
{
    connection *c = fd < 0 ? NULL : calloc(1, sizeof *c);
    if (c == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails for local ones */
    c->endpoint = e->id;
    c->fd = fd;
    c->slot = -1;
    c->dialled = c->is_connecting = !e->is_listener;
    c->next = s->connections;
    s->connections = c;
    return true;
}

static void dial_now(lb_socket *s, endpoint *e)
{
    int fd = socket(e->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    e->is_busy = add_connection(s, e, fd);
    e->dial_at = now_ms() + s->options[RECONNECT_MS];
    if (e->is_busy && connect(fd, (struct sockaddr *)&e->address, e->size) < 0)
        s->connections->is_broken = errno != EINPROGRESS;
}

endpoint *lb_find(const lb_socket *s, int id)
{
    endpoint *e = s->endpoints;
    while (e != NULL && (e->id != id || e->is_ended))
        e = e->next;
    return e;
}

/* Free what is broken or ended. */
void lb_tidy(lb_socket *s)
{
    for (connection **at = &s->connections, *c; (c = *at) != NULL;) {
        endpoint *e = lb_find(s, c->endpoint);
        if (!c->is_broken && e != NULL) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        if (e != NULL) {
            e->is_busy = false;
            e->dial_at = now_ms() + s->options[RECONNECT_MS];
        }
        close(c->fd);
        s->lost += c->out.count;
        lb_free_all(&c->out);
        free(c->in);
        free(c);
    }
    for (endpoint **at = &s->endpoints, *e; (e = *at) != NULL;) {
        if (!e->is_ended) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        if (e->is_listener) {
            if (e->address.ss_family == AF_UNIX)
                unlink(((struct sockaddr_un *)&e->address)->sun_path);
            close(e->fd);
        }
        free(e);
    }
}

/* What to poll, for how long: the number of descriptors. */
static nfds_t prepare(lb_socket *s, struct pollfd **polls, int *timeout)
{
    nfds_t n = 1;
    int64_t now = now_ms(), wait = -1;
    for (endpoint *e = s->endpoints; e != NULL; e = e->next) {
        n++;
        if (e->is_listener || e->is_busy)
            continue;
        if (e->dial_at <= now)
            dial_now(s, e);
        int64_t left = e->dial_at > now ? e->dial_at - now : 0;
        if (!e->is_busy)
            wait = wait < 0 || left < wait ? left : wait;
    }
    for (connection *c = s->connections; c != NULL; c = c->next)
        n++;
    *polls = realloc(*polls, n * sizeof **polls);
    if (*polls == NULL)
        abort();
    (*polls)[0] = (struct pollfd){s->wake, POLLIN, 0};
    n = 1;
    for (endpoint *e = s->endpoints; e != NULL; e = e->next) {
        e->slot = (int)n;
        (*polls)[n++] = (struct pollfd){e->is_listener ? e->fd : -1, POLLIN, 0};
    }
    for (connection *c = s->connections; c != NULL; c = c->next) {
        short events = c->is_connecting || c->out.count > 0 ? POLLOUT : 0;
        events |= !c->is_connecting && has_room(s) ? POLLIN : 0;
        c->slot = (int)n;
        (*polls)[n++] = (struct pollfd){events != 0 ? c->fd : -1, events, 0};
        wait = c->is_broken ? 0 : wait;
    }
    *timeout = wait > 1000 ? 1000 : (int)wait;
    return n;
}

static void work(lb_socket *s, const struct pollfd *polls)
{
    uint64_t count;
    if (polls[0].revents != 0)
        eventfd_read(s->wake, &count);
    for (connection *c = s->connections; c != NULL; c = c->next) {
        short ready = c->slot >= 0 && !c->is_broken ? polls[c->slot].revents : 0;
        if (c->is_connecting && ready != 0) {
            int error = 0;
            socklen_t size = sizeof error;
            getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
            c->is_connecting = false;
            c->is_broken = error != 0 || !greet(s, c);
        } else if (ready != 0) {
            write_out(c);
            read_in(s, c);
        }
    }
    for (endpoint *e = s->endpoints; e != NULL; e = e->next)
        if (e->is_listener && e->slot >= 0 && polls[e->slot].revents != 0)
            add_connection(s, e, accept4(e->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

void *lb_run(void *argument)
{
    lb_socket *s = argument;
    struct pollfd *polls = NULL;
    int timeout;
    pthread_mutex_lock(&s->lock);
    while (!s->is_closing) {
        lb_tidy(s);
        lb_settle(s);
        nfds_t n = prepare(s, &polls, &timeout);
        pthread_mutex_unlock(&s->lock);
        int ready = poll(polls, n, timeout);
        pthread_mutex_lock(&s->lock);
        if (ready > 0)
            work(s, polls);
    }
    pthread_mutex_unlock(&s->lock);
    free(polls);
    return NULL;
}
