/* Sockets, their options, and the addresses that they listen at or dial. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"

static const struct {
    const char *name;
    int number;
} numbers[] = {
    {"kind.push", PUSH},
    {"kind.pull", PULL},
#ifndef LB_WITHOUT_PAIR
    {"kind.pair", PAIR},
#endif
#ifndef LB_WITHOUT_TCP
    {"transport.tcp", 1},
#endif
    {"transport.ipc", 2},
    {"option.recv-max-size", RECV_MAX_SIZE}, /* bytes; -1: no limit */
    {"option.reconnect-ms", RECONNECT_MS},
    {"option.send-buffer", SEND_BUFFER},     /* messages for each peer */
    {"option.recv-buffer", RECV_BUFFER},     /* messages */
};

const char *lb_version(void)
{
    return "1.0.0";
}

int lb_number(const char *name)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(numbers[i].name, name) == 0)
            return numbers[i].number;
    return -1;
}

lb_msg *lb_alloc(size_t size)
{
    lb_msg *msg = size > SIZE_MAX / 2 ? NULL : malloc(sizeof *msg + size);
    if (msg != NULL)
        *msg = (lb_msg){NULL, size};
    return msg;
}

void lb_free(lb_msg *msg)
{
    free(msg);
}


lb_socket *lb_open(int kind)
{
    lb_socket *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->kind = kind;
    s->options[RECV_MAX_SIZE] = -1;
    s->options[RECONNECT_MS] = 100;
    s->options[SEND_BUFFER] = s->options[RECV_BUFFER] = 16;
    pthread_mutex_init(&s->lock, NULL);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->readable = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->writable = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = s->wake < 0 || s->readable < 0 || s->writable < 0 ? errno : 0;
    if (error == 0) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the program's threads */
        error = pthread_create(&s->thread, NULL, lb_run, s);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (error != 0) {
        s->is_closing = true;
        lb_close(s);
        errno = error;
        return NULL;
    }
    return s;
}

void lb_close(lb_socket *s)
{
    pthread_mutex_lock(&s->lock);
    bool has_thread = !s->is_closing;
    s->is_closing = true;
    lb_wake(s);
    pthread_mutex_unlock(&s->lock);
    if (has_thread)
        pthread_join(s->thread, NULL);
    for (endpoint *e = s->endpoints; e != NULL; e = e->next)
        e->is_ended = true;
    lb_tidy(s);
    lb_free_all(&s->received);
    for (int *fd = (int[]){s->wake, s->readable, s->writable}, i = 0; i < 3; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int lb_set(lb_socket *s, int option, int64_t value)
{
    if (option < 0 || option >= N_OPTIONS || value < (option == RECV_MAX_SIZE ? -1 : 1))
        return -EINVAL;
    pthread_mutex_lock(&s->lock);
    s->options[option] = value;
    lb_wake(s);
    lb_settle(s);
    pthread_mutex_unlock(&s->lock);
    return 0;
}

int64_t lb_get(lb_socket *s, int option)
{
    pthread_mutex_lock(&s->lock);
    int64_t value = option < 0 || option >= N_OPTIONS ? -EINVAL : s->options[option];
    pthread_mutex_unlock(&s->lock);
    return value;
}

int lb_fd(const lb_socket *s, int sending)
{
    return sending ? s->writable : s->readable;
}

int lb_peers(lb_socket *s, int endpoint)
{
    int count = 0;
    pthread_mutex_lock(&s->lock);
    for (const connection *c = s->connections; c != NULL; c = c->next)
        count += c->is_peer && !c->is_broken && (endpoint == 0 || c->endpoint == endpoint);
    pthread_mutex_unlock(&s->lock);
    return count;
}

int lb_unsent(lb_socket *s)
{
    int count = 0;
    pthread_mutex_lock(&s->lock);
    for (const connection *c = s->connections; c != NULL; c = c->next)
        count += c->out.count;
    pthread_mutex_unlock(&s->lock);
    return count;
}

int lb_lost(lb_socket *s)
{
    pthread_mutex_lock(&s->lock);
    int count = s->lost;
    pthread_mutex_unlock(&s->lock);
    return count;
}

/* Endpoints */

static int resolve(endpoint *e, const char *where, int port)
{
    struct sockaddr_un *local = (struct sockaddr_un *)&e->address;
    if (port < 0) {
        e->size = sizeof *local;
        local->sun_family = AF_UNIX;
        if (strlen(where) >= sizeof local->sun_path)
            return -ENAMETOOLONG;
        strcpy(local->sun_path, where);
        return 0;
    }
    char service[12];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(where, service, &hints, &found) != 0)
        return -EADDRNOTAVAIL;
    memcpy(&e->address, found->ai_addr, found->ai_addrlen);
    e->size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

/* Whether a path is what a listener left that is no more; then it is removed. */
static bool remove_stale(const endpoint *e)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_stale = fd >= 0 && connect(fd, (struct sockaddr *)&e->address, e->size) < 0 &&
                    errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return is_stale && unlink(((struct sockaddr_un *)&e->address)->sun_path) == 0;
}

static int bind_and_listen(endpoint *e)
{
    struct sockaddr *address = (struct sockaddr *)&e->address;
    int on = 1, family = e->address.ss_family;
    e->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (e->fd < 0)
        return -errno;
    setsockopt(e->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int failed = bind(e->fd, address, e->size);
    if (failed && errno == EADDRINUSE && family == AF_UNIX && remove_stale(e))
        failed = bind(e->fd, address, e->size);
    if (!failed)
        failed = listen(e->fd, SOMAXCONN);
    if (failed) {
        int error = errno;
        close(e->fd);
        return -error;
    }
    getsockname(e->fd, address, &e->size);
    return 0;
}

static int add_endpoint(lb_socket *s, const char *where, int port, bool is_listener)
{
    endpoint *e = calloc(1, sizeof *e);
    if (e == NULL)
        return -ENOMEM;
    e->slot = -1;
    e->is_listener = is_listener;
    int result = resolve(e, where, port);
    if (result == 0 && is_listener)
        result = bind_and_listen(e);
    if (result < 0) {
        free(e);
        return result;
    }
    pthread_mutex_lock(&s->lock);
    e->id = ++s->last_id;
    e->next = s->endpoints;
    s->endpoints = e;
    result = e->id;
    lb_wake(s);
    pthread_mutex_unlock(&s->lock);
    return result;
}

int lb_listen(lb_socket *s, const char *where, int port)
{
    return add_endpoint(s, where, port, true);
}

int lb_dial(lb_socket *s, const char *where, int port)
{
    return add_endpoint(s, where, port, false);
}

int lb_port(lb_socket *s, int id)
{
    pthread_mutex_lock(&s->lock);
    const endpoint *e = lb_find(s, id);
    const struct sockaddr_in *address = e != NULL ? (const void *)&e->address : NULL;
    /* sin6_port lies where sin_port does */
    int port = address != NULL && address->sin_family != AF_UNIX ? ntohs(address->sin_port) : -1;
    pthread_mutex_unlock(&s->lock);
    return port;
}

int lb_end(lb_socket *s, int id)
{
    pthread_mutex_lock(&s->lock);
    endpoint *e = lb_find(s, id);
    if (e != NULL)
        e->is_ended = true;
    lb_wake(s);
    pthread_mutex_unlock(&s->lock);
    return e != NULL ? 0 : -ENOENT;
}
