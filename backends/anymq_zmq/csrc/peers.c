/* Who is connected to a socket, through which endpoint, and what happened: tables and a ring.
 *
 * libzmq does not count peers. The count is kept from what its monitor tells (monitor.c) and, for
 * inproc, from what our own sockets do (inproc.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "socket.h"

#define RING_LIMIT 256 /* events that nobody reads: the oldest are dropped */

/* Room for one more element, or NULL. */
static void *grown(void *array, size_t count, size_t *room, size_t element)
{
    if (count < *room)
        return array;
    size_t wanted = *room ? *room * 2 : 4;
    void *bigger = realloc(array, wanted * element);
    if (bigger != NULL)
        *room = wanted;
    return bigger;
}

static void news(azmq_sock *s)
{
    if (s->news_fd >= 0) {
        uint64_t one = 1;
        ssize_t ignored = write(s->news_fd, &one, sizeof one);
        (void)ignored; /* it can only be full, and then it is readable already */
    }
}

static void no_news(azmq_sock *s)
{
    if (s->news_fd >= 0) {
        uint64_t count;
        ssize_t ignored = read(s->news_fd, &count, sizeof count);
        (void)ignored;
    }
}

azmq_endpoint *azmq_add_endpoint(azmq_sock *s, int listening, const char *given)
{
    azmq_endpoint *all = grown(s->endpoints, s->endpoint_count, &s->endpoint_room, sizeof *all);
    if (all == NULL)
        return NULL;
    s->endpoints = all;
    azmq_endpoint *e = &all[s->endpoint_count++];
    memset(e, 0, sizeof *e);
    e->number = ++s->next_number;
    e->listening = listening;
    e->fd = -1;
    e->inproc = strncmp(given, "inproc://", 9) == 0;
    e->told = listening
              && (strncmp(given, "tcp:", 4) == 0 || strncmp(given, "ipc:", 4) == 0
                  || strncmp(given, "ws", 2) == 0 || strncmp(given, "tipc:", 5) == 0);
    snprintf(e->given, sizeof e->given, "%s", given);
    if (!listening)
        snprintf(e->actual, sizeof e->actual, "%s", given);
    return e;
}

azmq_endpoint *azmq_find_endpoint(azmq_sock *s, uint32_t number)
{
    for (size_t i = 0; i < s->endpoint_count; i++)
        if (s->endpoints[i].number == number)
            return &s->endpoints[i];
    return NULL;
}

/* Another endpoint with the same address, or NULL. To libzmq the two are one. */
azmq_endpoint *azmq_find_twin(azmq_sock *s, const azmq_endpoint *of)
{
    for (size_t i = 0; i < s->endpoint_count; i++) {
        azmq_endpoint *e = &s->endpoints[i];
        if (e->number != of->number && e->listening == of->listening
            && strcmp(e->actual, of->actual) == 0)
            return e;
    }
    return NULL;
}

void azmq_drop_endpoint(azmq_sock *s, uint32_t number, int keep_connections)
{
    azmq_endpoint *e = azmq_find_endpoint(s, number);
    if (e == NULL)
        return;
    azmq_endpoint *twin = azmq_find_twin(s, e);
    for (size_t i = 0; i < s->connection_count && twin != NULL; i++)
        if (s->connections[i].endpoint == number)
            s->connections[i].endpoint = twin->number;
    *e = s->endpoints[--s->endpoint_count];
    /* libzmq ends the connections of an endpoint that is closed without telling its monitor */
    for (size_t i = s->connection_count; i-- > 0 && !keep_connections;)
        if (s->connections[i].endpoint == number && s->connections[i].link == 0)
            azmq_drop_connection(s, i, 0);
}

/* Whether an address that was unbound may still be in use. */
int azmq_still_listening(azmq_sock *s, uint32_t number)
{
    azmq_monitor_drain(s);
    for (size_t i = 0; i < s->endpoint_count; i++)
        if (s->endpoints[i].told && !s->endpoints[i].closed
            && (number == 0 || s->endpoints[i].number == number))
            return 1;
    return 0;
}

static char no_name[1];

static char *kept(const char *name)
{
    char *copy = name[0] != '\0' ? strdup(name) : NULL;
    return copy != NULL ? copy : no_name;
}

static void forget_names(const azmq_connection *c)
{
    if (c->local != no_name)
        free(c->local);
    if (c->peer != no_name)
        free(c->peer);
}

void azmq_name_connection(azmq_connection *c, const char *local, const char *peer)
{
    forget_names(c);
    c->local = kept(local);
    c->peer = kept(peer);
}

azmq_connection *azmq_add_connection(azmq_sock *s, uint32_t endpoint)
{
    azmq_connection *all =
        grown(s->connections, s->connection_count, &s->connection_room, sizeof *all);
    if (all == NULL) {
        s->gated = 0; /* a peer that cannot be counted must not be waited for */
        return NULL;
    }
    s->connections = all;
    azmq_connection *c = &all[s->connection_count++];
    memset(c, 0, sizeof *c);
    c->fd = -1;
    c->endpoint = endpoint;
    c->local = c->peer = no_name;
    c->number = ++s->next_number;
    return c;
}

/* Say whether a connection counts as a peer, and open or shut the gate. */
void azmq_set_ready(azmq_sock *s, azmq_connection *c, int ready)
{
    if (c->ready == ready)
        return;
    c->ready = ready;
    int before = atomic_fetch_add(&s->ready, ready ? 1 : -1);
    uint64_t count = 1;
    ssize_t ignored = 0;
    if (s->gate_fd >= 0 && ready && before == 0)
        ignored = write(s->gate_fd, &count, sizeof count);
    else if (s->gate_fd >= 0 && !ready && before == 1)
        ignored = read(s->gate_fd, &count, sizeof count);
    (void)ignored;
}

int azmq_gate_fd(azmq_sock *s)
{
    pthread_mutex_lock(&s->lib->lock);
    if (s->gate_fd < 0)
        s->gate_fd = eventfd(atomic_load(&s->ready) > 0, EFD_CLOEXEC | EFD_NONBLOCK);
    int fd = s->gate_fd;
    pthread_mutex_unlock(&s->lib->lock);
    return fd;
}

void azmq_ready(azmq_sock *s, azmq_connection *c, int native)
{
    azmq_set_ready(s, c, 1);
    s->counts.connections++;
    azmq_push_event(s, ANYMQ_EV_CONNECTED, native, 0, c->number, c->peer);
}

void azmq_drop_connection(azmq_sock *s, size_t index, int native)
{
    azmq_connection gone = s->connections[index];
    azmq_set_ready(s, &s->connections[index], 0);
    /* the order is kept: the oldest of those that wait for a handshake comes first */
    memmove(&s->connections[index], &s->connections[index + 1],
            (s->connection_count - index - 1) * sizeof gone);
    s->connection_count--;
    if (gone.ready)
        azmq_push_event(s, ANYMQ_EV_DISCONNECTED, native, 0, gone.number, gone.peer);
    forget_names(&gone);
}

void azmq_push_event(azmq_sock *s, int kind, int native, int code, uint32_t peer,
                     const char *address)
{
    if (s->ring_count == s->ring_room && s->ring_room < RING_LIMIT) {
        size_t wanted = s->ring_room ? s->ring_room * 2 : 8;
        anymq_event *bigger = calloc(wanted, sizeof *bigger);
        if (bigger != NULL) {
            for (size_t i = 0; i < s->ring_count; i++)
                bigger[i] = s->ring[(s->ring_head + i) % s->ring_room];
            free(s->ring);
            s->ring = bigger;
            s->ring_room = wanted;
            s->ring_head = 0;
        }
    }
    if (s->ring_count == s->ring_room) {
        s->counts.events_dropped++;
        if (s->ring_room == 0)
            return;
        s->ring_head = (s->ring_head + 1) % s->ring_room;
        s->ring_count--;
    }
    anymq_event *e = &s->ring[(s->ring_head + s->ring_count++) % s->ring_room];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    memset(e, 0, sizeof *e);
    e->kind = kind;
    e->native = native;
    e->code = code;
    e->peer = peer;
    e->time_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    int abstract = strncmp(address, "ipc://@", 7) == 0;
    snprintf(e->address, sizeof e->address, "%s%s", abstract ? "abstract://" : "",
             abstract ? address + 7 : address);
    news(s);
}

void azmq_free_peers(azmq_sock *s)
{
    for (size_t i = 0; i < s->connection_count; i++)
        forget_names(&s->connections[i]);
    free(s->endpoints);
    free(s->connections);
    free(s->ring);
    if (s->news_fd >= 0)
        close(s->news_fd);
    if (s->gate_fd >= 0)
        close(s->gate_fd);
}

static int count_peers(azmq_sock *s, uint32_t endpoint)
{
    const azmq_endpoint *e = azmq_find_endpoint(s, endpoint);
    const azmq_endpoint *twin = e != NULL ? azmq_find_twin(s, e) : NULL;
    int count = 0;
    for (size_t i = 0; i < s->connection_count; i++) {
        const azmq_connection *c = &s->connections[i];
        count += c->ready
                 && (endpoint == 0 || c->endpoint == endpoint
                     || (twin != NULL && c->endpoint == twin->number));
    }
    /* these have one peer; whoever else connects is left waiting, connected but unheard */
    if (count > 1 && (s->type == AZMQ_PAIR || s->type == AZMQ_CHANNEL))
        count = 1;
    return count;
}

void azmq_get_counts(azmq_sock *s, azmq_counts *counts)
{
    pthread_mutex_lock(&s->lib->lock);
    azmq_monitor_drain(s);
    *counts = s->counts;
    counts->peers = (uint32_t)count_peers(s, 0);
    pthread_mutex_unlock(&s->lib->lock);
}

int azmq_op_peers(void *sock, uint32_t endpoint)
{
    azmq_sock *s = sock;
    pthread_mutex_lock(&s->lib->lock);
    no_news(s);
    azmq_monitor_drain(s);
    int count = count_peers(s, endpoint);
    pthread_mutex_unlock(&s->lib->lock);
    return count;
}

int azmq_op_peer_fd(void *sock)
{
    azmq_sock *s = sock;
    pthread_mutex_lock(&s->lib->lock);
    if (s->news_fd < 0) {
        /* readable at first, so that nothing between the last look and this call is missed */
        s->news_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    int fd = s->news_fd;
    pthread_mutex_unlock(&s->lib->lock);
    return fd;
}

int azmq_op_next_event(void *sock, anymq_event *event)
{
    azmq_sock *s = sock;
    pthread_mutex_lock(&s->lib->lock);
    no_news(s);
    azmq_monitor_drain(s);
    int found = s->ring_count > 0;
    if (found) {
        *event = s->ring[s->ring_head];
        s->ring_head = (s->ring_head + 1) % s->ring_room;
        s->ring_count--;
    }
    pthread_mutex_unlock(&s->lib->lock);
    return found;
}
