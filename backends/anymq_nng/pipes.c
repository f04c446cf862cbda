/* Peers: nng's callbacks when a pipe comes or goes, kept as a list and a bounded ring of events.
 *
 * The callbacks run on nng's threads. The number of the first event tells how this version counts
 * them: a pipe's life always begins with "about to be added", which is 0 in older versions and 1
 * in later ones. A removal can be told before the addition it belongs to; it is then remembered.
 */
#include "socket.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { BEGIN_ROUNDS = 60 }; /* some 10 ms */

static nng_endpoint *find_endpoint(nng_pipes *pipes, uint32_t number)
{
    for (size_t i = 0; i < pipes->endpoint_count; i++)
        if (pipes->endpoints[i].number == number)
            return &pipes->endpoints[i];
    return NULL;
}

static const char *scheme_of(const nng_endpoint *endpoint, const char *preset, char *buffer, size_t size)
{
    const char *end = endpoint != NULL ? strstr(endpoint->url, "://") : NULL;

    if (end == NULL || (size_t)(end - endpoint->url) >= size)
        return preset;
    memcpy(buffer, endpoint->url, (size_t)(end - endpoint->url));
    buffer[end - endpoint->url] = '\0';
    return buffer;
}

/* The peer's address as a URL; where nng has none (local sockets, inproc) the endpoint's. */
static void format_address(anymq_nng_socket *s, const nng_address *a, const nng_endpoint *endpoint,
                           char *out, size_t size)
{
    const void *v6 = s->library->major >= 2 ? a->in6_v2.addr : a->in6_v1.addr;
    char host[INET6_ADDRSTRLEN], scheme[32];

    if (a->family == NNG_AF_INET && inet_ntop(AF_INET, &a->in.addr, host, sizeof host) != NULL)
        snprintf(out, size, "%s://%s:%u", scheme_of(endpoint, "tcp", scheme, sizeof scheme), host,
                 (unsigned)ntohs(a->in.port));
    else if (a->family == NNG_AF_INET6 && inet_ntop(AF_INET6, v6, host, sizeof host) != NULL)
        snprintf(out, size, strncmp(host, "::ffff:", 7) == 0 ? "%s://%s:%u" : "%s://[%s]:%u",
                 scheme_of(endpoint, "tcp", scheme, sizeof scheme),
                 strncmp(host, "::ffff:", 7) == 0 ? host + 7 : host, (unsigned)ntohs(a->in.port));
    else
        snprintf(out, size, "%s", endpoint != NULL ? endpoint->url : "");
}

static void peer_address(anymq_nng_socket *s, nng_handle pipe, nng_address *address)
{
    const nng_table *fn = &s->library->fn;
    int rv = NNG_ENOTSUP;

    memset(address, 0, sizeof *address);
    if (fn->pipe_peer_addr != NULL)
        rv = fn->pipe_peer_addr(pipe, address);
    else if (fn->pipe_get_addr != NULL)
        rv = fn->pipe_get_addr(pipe, "remote-address", address);
    if (rv != 0)
        address->family = 0;
}

static uint32_t endpoint_of(anymq_nng_socket *s, nng_handle pipe)
{
    const nng_table *fn = &s->library->fn;
    uint32_t id;

    if (fn->pipe_dialer != NULL) {
        id = fn->pipe_dialer(pipe).id;
        if (id != 0 && id < NNG_LISTENER_BIT)
            return id;
    }
    if (fn->pipe_listener != NULL) {
        id = fn->pipe_listener(pipe).id;
        if (id != 0 && id < NNG_LISTENER_BIT)
            return id | NNG_LISTENER_BIT;
    }
    return 0;
}

static void wake(nng_pipes *pipes)
{
    if (pipes->fd >= 0)
        (void)eventfd_write(pipes->fd, 1);
}

/* With the lock held: the oldest event gives way when the ring is full. */
static void put_event(nng_pipes *pipes, int kind, int native, uint32_t pipe, const char *address)
{
    struct timespec now;
    anymq_event *event;

    if (pipes->ring == NULL)
        pipes->ring = calloc(NNG_EVENT_RING, sizeof *pipes->ring);
    if (pipes->ring == NULL)
        return;
    if (pipes->waiting == NNG_EVENT_RING) {
        pipes->first = (pipes->first + 1) % NNG_EVENT_RING;
        pipes->waiting--;
    }
    event = &pipes->ring[(pipes->first + pipes->waiting++) % NNG_EVENT_RING];
    clock_gettime(CLOCK_REALTIME, &now);
    memset(event, 0, sizeof *event);
    event->kind = kind;
    event->native = native;
    event->peer = pipe;
    event->time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    snprintf(event->address, sizeof event->address, "%s", address);
}

static void added(anymq_nng_socket *s, nng_handle pipe, int native)
{
    nng_pipes *pipes = &s->pipes;
    uint32_t number = endpoint_of(s, pipe);
    nng_endpoint *endpoint;
    nng_address address;
    char text[256];

    peer_address(s, pipe, &address);
    pthread_mutex_lock(&pipes->lock);
    endpoint = find_endpoint(pipes, number);
    if (endpoint != NULL)
        endpoint->had_peer = 1;
    format_address(s, &address, endpoint, text, sizeof text);
    put_event(pipes, ANYMQ_EV_CONNECTED, native, pipe.id, text);
    for (int i = 0; i < NNG_EARLY_GONE; i++) {
        if (pipes->early_gone[i] == pipe.id) {
            pipes->early_gone[i] = 0;
            put_event(pipes, ANYMQ_EV_DISCONNECTED, native, pipe.id, text);
            goto done;
        }
    }
    if (pipes->count == pipes->room) {
        size_t room = pipes->room == 0 ? 4 : pipes->room * 2;
        nng_peer *list = realloc(pipes->list, room * sizeof *list);
        if (list == NULL)
            goto done;
        pipes->list = list;
        pipes->room = room;
    }
    pipes->list[pipes->count++] = (nng_peer){
        .pipe = pipe.id,
        .endpoint = number,
        .counted = endpoint != NULL && endpoint->counted,
        /* Of what goes to all, a new peer gets what is sent from now on. */
        .due = s->flags & NNG_TO_ALL ? atomic_load(&s->sent) : 0,
    };
    atomic_store(&pipes->connected, (int)pipes->count);
    anymq_nng_ring(&pipes->arrival);
done:
    wake(pipes);
    pthread_mutex_unlock(&pipes->lock);
    anymq_nng_post_peer(s);
}

/* 2.x lists the statistics of a pipe when it has begun, and takes them off the list when the pipe is
 * torn down, which goes on after this callback. A pipe that ends in the moment of its beginning could
 * do that in the wrong order; the list would then keep memory that is freed, and end the process one
 * day. So its end waits for its beginning here; for one that never begins, as one of another
 * protocol, not long. */
static void let_begin(anymq_nng_socket *s, nng_handle pipe)
{
    struct timespec moment = {0, 100000};

    if (s->library->major < 2)
        return;
    for (int round = 0; round < BEGIN_ROUNDS && !anymq_nng_keeps_statistics_of(s, pipe.id); round++)
        nanosleep(&moment, NULL);
}

static int is_known(nng_pipes *pipes, uint32_t pipe)
{
    int found = 0;

    pthread_mutex_lock(&pipes->lock);
    for (size_t i = 0; i < pipes->count && !found; i++)
        found = pipes->list[i].pipe == pipe;
    pthread_mutex_unlock(&pipes->lock);
    return found;
}

static void removed(anymq_nng_socket *s, nng_handle pipe, int native)
{
    nng_pipes *pipes = &s->pipes;
    nng_address address;
    nng_stat *root = NULL;
    char text[256];
    uint64_t begun = 0, posted;
    size_t i;

    if (!is_known(pipes, pipe.id))
        let_begin(s, pipe);
    peer_address(s, pipe, &address);
    if (!atomic_load(&pipes->closing))
        root = anymq_nng_before_removal(s, &begun);
    posted = (uint64_t)anymq_nng_posted(s);
    pthread_mutex_lock(&pipes->lock);
    for (i = 0; i < pipes->count && pipes->list[i].pipe != pipe.id; i++)
        ;
    if (i == pipes->count) {
        pipes->early_gone[pipes->early_next++ % NNG_EARLY_GONE] = pipe.id;
        goto done;
    }
    format_address(s, &address, find_endpoint(pipes, pipes->list[i].endpoint), text, sizeof text);
    if (!atomic_load(&pipes->closing))
        anymq_nng_account_removal(s, root, begun, posted, &pipes->list[i]);
    pipes->list[i] = pipes->list[--pipes->count];
    atomic_store(&pipes->connected, (int)pipes->count);
    put_event(pipes, ANYMQ_EV_DISCONNECTED, native, pipe.id, text);
    wake(pipes);
done:
    pthread_mutex_unlock(&pipes->lock);
    anymq_nng_free_statistics(s, root);
}

static void on_event(nng_handle pipe, int event, void *arg)
{
    anymq_nng_socket *s = arg;
    int base = __atomic_load_n(&s->library->event_base, __ATOMIC_RELAXED);

    if (base < 0) {
        base = event;
        __atomic_store_n(&s->library->event_base, base, __ATOMIC_RELAXED);
    }
    if (event - base == 1)
        added(s, pipe, event);
    else if (event - base == 2)
        removed(s, pipe, event);
}

int anymq_nng_watch(anymq_nng_socket *s)
{
    int rv = 0;

    if (s->library->fn.pipe_notify == NULL)
        return 0;
    for (int event = 0; event < NNG_EVENTS && rv == 0; event++)
        rv = s->library->fn.pipe_notify(s->id, event, on_event, s);
    return rv;
}

int anymq_nng_pipes_init(anymq_nng_socket *s)
{
    pthread_mutex_init(&s->pipes.lock, NULL);
    s->pipes.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return anymq_nng_watch(s);
}

/* After the socket was closed: nng calls no more. */
void anymq_nng_pipes_free(anymq_nng_socket *s)
{
    if (s->pipes.fd >= 0)
        close(s->pipes.fd);
    anymq_nng_bell_close(&s->pipes.arrival);
    free(s->pipes.list);
    free(s->pipes.endpoints);
    free(s->pipes.ring);
    pthread_mutex_destroy(&s->pipes.lock);
}

/* With the lock held. */
static void unwake(nng_pipes *pipes)
{
    eventfd_t count;

    if (pipes->fd >= 0)
        (void)eventfd_read(pipes->fd, &count);
}

int anymq_nng_peers(void *socket, uint32_t endpoint)
{
    anymq_nng_socket *s = socket;
    int count = 0;

    if (s->library->fn.pipe_notify == NULL)
        return ANYMQ_UNKNOWN;
    pthread_mutex_lock(&s->pipes.lock);
    unwake(&s->pipes);
    for (size_t i = 0; i < s->pipes.count; i++)
        count += endpoint == 0 || s->pipes.list[i].endpoint == endpoint;
    pthread_mutex_unlock(&s->pipes.lock);
    return count;
}

int anymq_nng_peer_fd(void *socket)
{
    anymq_nng_socket *s = socket;

    return s->pipes.fd;
}

int anymq_nng_arrival_fd(anymq_nng_socket *s)
{
    nng_pipes *pipes = &s->pipes;
    int fd = -1;

    pthread_mutex_lock(&pipes->lock);
    if (anymq_nng_bell_open(&pipes->arrival) == 0) {
        fd = pipes->arrival.fd;
        if (pipes->count > 0)
            anymq_nng_ring(&pipes->arrival);
        else
            anymq_nng_unring(&pipes->arrival);
    }
    pthread_mutex_unlock(&pipes->lock);
    return fd;
}

int anymq_nng_next_event(void *socket, anymq_event *event)
{
    anymq_nng_socket *s = socket;
    nng_pipes *pipes = &s->pipes;
    int found;

    pthread_mutex_lock(&pipes->lock);
    found = pipes->waiting > 0;
    if (found) {
        *event = pipes->ring[pipes->first];
        pipes->first = (pipes->first + 1) % NNG_EVENT_RING;
        pipes->waiting--;
    } else {
        unwake(pipes);
    }
    pthread_mutex_unlock(&pipes->lock);
    return found;
}

/* Tell what a dialer or listener is, before it is started. */
int anymq_nng_add_endpoint(anymq_nng_socket *s, uint32_t number, int counted, const char *url)
{
    nng_pipes *pipes = &s->pipes;
    int rv = 0;

    pthread_mutex_lock(&pipes->lock);
    if (pipes->endpoint_count == pipes->endpoint_room) {
        size_t room = pipes->endpoint_room == 0 ? 2 : pipes->endpoint_room * 2;
        nng_endpoint *list = realloc(pipes->endpoints, room * sizeof *list);
        if (list == NULL) {
            rv = NNG_ENOMEM;
        } else {
            pipes->endpoints = list;
            pipes->endpoint_room = room;
        }
    }
    if (rv == 0) {
        nng_endpoint *endpoint = &pipes->endpoints[pipes->endpoint_count++];
        endpoint->number = number;
        endpoint->counted = counted;
        endpoint->had_peer = 0;
        snprintf(endpoint->url, sizeof endpoint->url, "%s", url);
    }
    pthread_mutex_unlock(&pipes->lock);
    return rv;
}

void anymq_nng_remove_endpoint(anymq_nng_socket *s, uint32_t number)
{
    nng_pipes *pipes = &s->pipes;
    nng_endpoint *endpoint;

    pthread_mutex_lock(&pipes->lock);
    endpoint = find_endpoint(pipes, number);
    if (endpoint != NULL)
        *endpoint = pipes->endpoints[--pipes->endpoint_count];
    pthread_mutex_unlock(&pipes->lock);
}
