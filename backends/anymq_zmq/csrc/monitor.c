/* libzmq's socket monitor, and the thread that reads it.
 *
 * libzmq queues what it tells a monitor without a limit, and a peer that refuses connections makes
 * it tell something many times a second. So one thread for each opened library reads all monitors
 * as news comes: queues stay empty and counts fresh whatever the program does or forgets to do.
 */
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket.h"

enum {
    CONNECTED = 0x0001,
    RETRIED = 0x0004,
    LISTENING = 0x0008,
    ACCEPTED = 0x0020,
    ACCEPT_FAILED = 0x0040,
    CLOSED = 0x0080,
    DISCONNECTED = 0x0200,
    HANDSHAKE_FAILED_NO_DETAIL = 0x0800,
    HANDSHAKE_SUCCEEDED = 0x1000,
    HANDSHAKE_FAILED_PROTOCOL = 0x2000,
    HANDSHAKE_FAILED_AUTH = 0x4000,
    HANDSHAKE_FAILED = HANDSHAKE_FAILED_NO_DETAIL | HANDSHAKE_FAILED_PROTOCOL | HANDSHAKE_FAILED_AUTH,
};

#define HANDSHAKE_EVENTS_SINCE 40300

/* Whether handshakes are told of; STREAM has none. Elsewhere a connection is a peer at once. */
static int shakes_hands(const azmq_sock *s)
{
    return s->lib->number_version >= HANDSHAKE_EVENTS_SINCE && s->type != AZMQ_STREAM;
}

/* The port of "tcp://host:port" or "ws://host:port/path", or 0. */
static int port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon[1] == '/')
        return 0;
    return atoi(colon + 1);
}

/* The port at this end of a connection, or 0: it has none, or is gone already. */
static int port_here(int fd)
{
    struct sockaddr_storage here;
    socklen_t size = sizeof here;
    if (getsockname(fd, (struct sockaddr *)&here, &size) != 0)
        return 0;
    if (here.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&here)->sin_port);
    if (here.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&here)->sin6_port);
    return 0;
}

/* Which endpoint the monitor means by `address`. It shows names resolved and a wildcard as the
 * local address of the one connection, so where the text differs the port decides. Before 4.3 it
 * shows port 0 where that was asked for: then `fd`, a connection that was accepted, tells. */
static azmq_endpoint *meant(azmq_sock *s, int listening, const char *address, int fd)
{
    azmq_endpoint *same_port = NULL, *beginning = NULL;
    int port = port_of(address);
    if (port == 0 && fd >= 0)
        port = port_here(fd);
    for (size_t i = 0; i < s->endpoint_count; i++) {
        azmq_endpoint *e = &s->endpoints[i];
        if (e->listening != listening || e->inproc)
            continue;
        if (strcmp(e->actual, address) == 0)
            return e;
        if (strcmp(e->given, address) == 0 && (port == 0 || port_of(e->actual) == port))
            return e;
        if (e->actual[0] == '\0')
            beginning = e;
        else if (port != 0 && port_of(e->actual) == port && same_port == NULL)
            same_port = e;
    }
    return same_port != NULL ? same_port : beginning;
}

/* The far address of an accepted connection, which the monitor does not tell. The descriptor is
 * libzmq's and may be gone or another's by now: nothing is claimed unless it still is a connection
 * to the address where this one was accepted. */
static void peer_of(int fd, const char *local, char *peer, size_t size)
{
    struct sockaddr_storage here, there;
    socklen_t here_size = sizeof here, there_size = sizeof there;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    snprintf(peer, size, "%s", local);
    if (strncmp(local, "ipc://", 6) == 0 || strstr(local, "://") == NULL)
        return;
    if (getsockname(fd, (struct sockaddr *)&here, &here_size) != 0
        || getpeername(fd, (struct sockaddr *)&there, &there_size) != 0)
        return;
    int flags = NI_NUMERICHOST | NI_NUMERICSERV;
    if (getnameinfo((struct sockaddr *)&here, here_size, NULL, 0, port, sizeof port, flags) != 0
        || atoi(port) != port_of(local))
        return;
    if (getnameinfo((struct sockaddr *)&there, there_size, host, sizeof host, port, sizeof port,
                    flags) != 0)
        return;
    const char *shown = strncmp(host, "::ffff:", 7) == 0 ? host + 7 : host;
    const char *open = strchr(shown, ':') != NULL ? "[" : "";
    int scheme = (int)(strstr(local, "://") - local);
    snprintf(peer, size, "%.*s://%s%.64s%s:%.5s", scheme, local, open, shown,
             open[0] ? "]" : "", port);
}

static void appeared(azmq_sock *s, int event, int fd, const char *address)
{
    int accepted = event == ACCEPTED;
    char peer[AZMQ_URL_SIZE];
    azmq_endpoint *e = meant(s, accepted, address, accepted ? fd : -1);
    if (e == NULL)
        return; /* the last word of an endpoint that was closed */
    e->quiet = 0;
    azmq_connection *c = azmq_add_connection(s, e->number);
    if (c == NULL)
        return;
    c->fd = fd;
    c->accepted = accepted;
    if (accepted)
        peer_of(fd, port_of(address) == 0 && e->actual[0] ? e->actual : address, peer, sizeof peer);
    azmq_name_connection(c, address, accepted ? peer : e->given);
    if (!shakes_hands(s))
        azmq_ready(s, c, event);
}

/* A handshake is told by address alone: where several are under way at one listener they are
 * taken in turn, and set right when one of them turns out to be the other way. */
static azmq_connection *in_state(azmq_sock *s, const char *address, int ready)
{
    for (size_t i = 0; i < s->connection_count; i++) {
        azmq_connection *c = &s->connections[i];
        if (c->link == 0 && c->ready == ready && strcmp(c->local, address) == 0)
            return c;
    }
    return NULL;
}

static void disappeared(azmq_sock *s, int fd, const char *address)
{
    int failed = s->failing;
    s->failing = 0;
    for (size_t i = s->connection_count; i-- > 0;) {
        azmq_connection *c = &s->connections[i];
        if (c->link != 0 || c->fd != fd || strcmp(c->local, address) != 0)
            continue;
        if (failed == c->ready) {
            azmq_connection *swapped = in_state(s, address, !c->ready);
            int ready = c->ready;
            azmq_set_ready(s, c, !ready && swapped != NULL);
            if (swapped != NULL)
                azmq_set_ready(s, swapped, ready);
        }
        azmq_endpoint *e = azmq_find_endpoint(s, c->endpoint);
        if (e != NULL)
            e->quiet = 1;
        azmq_drop_connection(s, i, DISCONNECTED);
        return;
    }
}

/* From 4.2.3 on libzmq leaves the names of local sockets in the file system. */
#define NAMES_STAY_SINCE 40203

/* libzmq is bound: the listener's descriptor is its name from here on, which CLOSED tells too. */
static void listening(azmq_sock *s, int fd)
{
    azmq_endpoint *e = NULL;
    for (size_t i = 0; i < s->endpoint_count && e == NULL; i++)
        if (s->endpoints[i].listening && s->endpoints[i].fd < 0)
            e = &s->endpoints[i];
    struct stat it;
    if (e == NULL || fstat(fd, &it) != 0)
        return;
    e->fd = fd;
    e->inode = it.st_ino;
    if (s->lib->number_version < NAMES_STAY_SINCE && strncmp(e->given, "ipc://", 6) == 0
        && e->given[6] != '@' && lstat(e->given + 6, &it) == 0)
        e->file = it.st_ino;
}

static int stopped_listening(azmq_sock *s, int fd, const char *address)
{
    for (size_t i = 0; i < s->endpoint_count; i++) {
        azmq_endpoint *e = &s->endpoints[i];
        /* some versions close it before they ask for its number */
        if (e->listening && !e->closed
            && (fd >= 0 ? e->fd == fd : strcmp(e->actual, address) == 0)) {
            e->closed = 1;
            return 1;
        }
    }
    return 0;
}

static void refused(azmq_sock *s, int event, int value, const char *address)
{
    if (event == CLOSED && stopped_listening(s, value, address))
        return;
    azmq_endpoint *e = meant(s, 0, address, -1);
    if (e == NULL)
        return;
    if (event == RETRIED && e->quiet) {
        e->quiet = 0;
        return;
    }
    e->quiet = event == CLOSED;
    s->counts.connect_errors++;
    azmq_push_event(s, ANYMQ_EV_REFUSED, event, event == RETRIED ? value : 0, 0, e->given);
}

static void understand(azmq_sock *s, int event, int value, const char *address)
{
    azmq_connection *c;
    switch (event) {
    case CONNECTED:
    case ACCEPTED:
        appeared(s, event, value, address);
        break;
    case HANDSHAKE_SUCCEEDED:
        c = in_state(s, address, 0);
        if (c != NULL && !c->upgraded && strncmp(address, "ws", 2) == 0)
            c->upgraded = 1;
        else if (c != NULL)
            azmq_ready(s, c, event);
        break;
    case HANDSHAKE_FAILED_NO_DETAIL:
    case HANDSHAKE_FAILED_PROTOCOL:
    case HANDSHAKE_FAILED_AUTH:
        if (!s->failing) { /* one failure may be told more than once */
            s->counts.handshake_errors++;
            azmq_push_event(s, ANYMQ_EV_HANDSHAKE_FAILED, event, value, 0, address);
        }
        s->failing = 1;
        break;
    case LISTENING:
        listening(s, value);
        break;
    case DISCONNECTED:
        disappeared(s, value, address);
        break;
    case ACCEPT_FAILED:
        s->counts.accept_errors++;
        azmq_push_event(s, ANYMQ_EV_ACCEPT_FAILED, event, value, 0, address);
        break;
    case CLOSED:
    case RETRIED:
        refused(s, event, value, address);
        break;
    default:
        break;
    }
}

/* One part of a monitor's message: its size, or -1 when there is none. */
static int receive(azmq_sock *s, void *data, size_t room)
{
    const azmq_api *api = &s->lib->api;
    uint64_t msg[8];
    int size;
    api->msg_init(msg);
    while ((size = api->msg_recv(msg, s->monitor, AZMQ_DONTWAIT)) < 0)
        if (api->get_errno() != EINTR)
            return -1;
    memcpy(data, api->msg_data(msg), (size_t)size < room ? (size_t)size : room);
    api->msg_close(msg);
    return size;
}

void azmq_monitor_drain(azmq_sock *s)
{
    unsigned char head[6];
    char address[AZMQ_URL_SIZE];
    while (s->monitor != NULL && receive(s, head, sizeof head) >= (int)sizeof head) {
        uint16_t event;
        uint32_t value;
        memcpy(&event, head, sizeof event);
        memcpy(&value, head + sizeof event, sizeof value);
        int size = receive(s, address, sizeof address - 1);
        if (size < 0)
            return;
        address[size < AZMQ_URL_SIZE ? size : AZMQ_URL_SIZE - 1] = '\0';
        understand(s, event, (int)value, address);
    }
}

static void wake_watcher(azmq_lib *lib)
{
    uint64_t one = 1;
    ssize_t ignored = write(lib->watcher_wake, &one, sizeof one);
    (void)ignored;
}

/* What the watcher waits for: its own wake-up first, then every monitor. */
static size_t collect(azmq_lib *lib, struct pollfd **fds, size_t *room)
{
    size_t count = 1;
    for (azmq_sock *s = lib->watched; s != NULL; s = s->next_watched)
        count++;
    if (count > *room) {
        struct pollfd *bigger = realloc(*fds, (count + 16) * sizeof **fds);
        if (bigger != NULL) {
            *fds = bigger;
            *room = count + 16;
        } else {
            count = *room; /* the rest is read when its owner asks */
        }
    }
    (*fds)[0] = (struct pollfd){ .fd = lib->watcher_wake, .events = POLLIN };
    azmq_sock *s = lib->watched;
    for (size_t i = 1; i < count; i++, s = s->next_watched)
        (*fds)[i] = (struct pollfd){ .fd = s->monitor_fd, .events = POLLIN };
    return count;
}

static void *watch(void *argument)
{
    azmq_lib *lib = argument;
    struct pollfd own[64], *fds = malloc(sizeof own);
    size_t room = sizeof own / sizeof own[0];
    if (fds == NULL)
        return NULL;
    pthread_mutex_lock(&lib->lock);
    while (!lib->watcher_stop) {
        for (azmq_sock *s = lib->watched; s != NULL; s = s->next_watched)
            azmq_monitor_drain(s);
        size_t count = collect(lib, &fds, &room);
        uint64_t changes = lib->watched_changes;
        for (;;) {
            pthread_mutex_unlock(&lib->lock);
            poll(fds, (nfds_t)count, -1);
            pthread_mutex_lock(&lib->lock);
            uint64_t wakes;
            if (fds[0].revents != 0 && read(lib->watcher_wake, &wakes, sizeof wakes) < 0) {
                /* another look will tell */
            }
            if (lib->watcher_stop || changes != lib->watched_changes)
                break;
            size_t i = 1;
            for (azmq_sock *s = lib->watched; s != NULL && i < count; s = s->next_watched, i++)
                if (fds[i].revents != 0)
                    azmq_monitor_drain(s);
        }
    }
    pthread_mutex_unlock(&lib->lock);
    free(fds);
    return NULL;
}

static int start_watcher(azmq_lib *lib)
{
    if (lib->watcher_running)
        return 0;
    if (lib->watcher_wake < 0)
        lib->watcher_wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (lib->watcher_wake < 0)
        return errno;
    lib->watcher_stop = 0;
    int error = azmq_thread(&lib->watcher, watch, lib);
    lib->watcher_running = error == 0;
    return error;
}

void azmq_watcher_stop(azmq_lib *lib)
{
    pthread_mutex_lock(&lib->lock);
    int running = lib->watcher_running && lib->watched == NULL;
    pthread_t watcher = lib->watcher;
    if (running) {
        lib->watcher_running = 0;
        lib->watcher_stop = 1;
        wake_watcher(lib);
    }
    pthread_mutex_unlock(&lib->lock);
    if (running)
        pthread_join(watcher, NULL);
}

/* Begin to watch; the caller holds the lock, and no other thread uses the socket. */
int azmq_monitor_start(azmq_sock *s)
{
    azmq_lib *lib = s->lib;
    const azmq_api *api = &lib->api;
    if (s->monitor != NULL)
        return 0;
    int error = start_watcher(lib);
    if (error != 0)
        return error;
    char url[64];
    snprintf(url, sizeof url, "inproc://anymq.monitor.%u", ++lib->next_monitor);
    int mask =
        CONNECTED | RETRIED | LISTENING | ACCEPTED | ACCEPT_FAILED | CLOSED | DISCONNECTED;
    if (shakes_hands(s))
        mask |= HANDSHAKE_SUCCEEDED | HANDSHAKE_FAILED;
    int none = 0;
    size_t size = sizeof s->monitor_fd;
    void *monitor = api->socket(lib->ctx, AZMQ_PAIR);
    if (monitor == NULL)
        return api->get_errno();
    if (api->setsockopt(monitor, AZMQ_OPT_RCVHWM, &none, sizeof none) != 0
        || api->setsockopt(monitor, AZMQ_OPT_LINGER, &none, sizeof none) != 0
        || api->getsockopt(monitor, AZMQ_OPT_FD, &s->monitor_fd, &size) != 0) {
        error = api->get_errno();
    } else if (api->monitor(s->native, url, mask) != 0) {
        error = api->get_errno();
    } else if (api->connect(monitor, url) != 0) {
        error = api->get_errno();
        api->monitor(s->native, NULL, 0);
    }
    if (error != 0) {
        api->close(monitor);
        return error;
    }
    s->monitor = monitor;
    s->next_watched = lib->watched;
    lib->watched = s;
    lib->watched_changes++;
    wake_watcher(lib);
    return 0;
}

void azmq_monitor_stop(azmq_sock *s)
{
    azmq_lib *lib = s->lib;
    pthread_mutex_lock(&lib->lock);
    void *monitor = s->monitor;
    if (monitor != NULL) {
        azmq_sock **at = &lib->watched;
        while (*at != s)
            at = &(*at)->next_watched;
        *at = s->next_watched;
        s->monitor = NULL;
        lib->watched_changes++;
        wake_watcher(lib);
    }
    pthread_mutex_unlock(&lib->lock);
    if (monitor != NULL) {
        lib->api.monitor(s->native, NULL, 0);
        lib->api.close(monitor);
    }
}
