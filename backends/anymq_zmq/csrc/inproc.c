/* Peers over inproc, of which libzmq's monitor says nothing.
 *
 * Only sockets of the same context can meet over inproc, and all of them are ours: who bound a name
 * and who connected to it is therefore known. As in libzmq a name may be connected to before it is
 * bound, and unbinding a name leaves its connections in place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socket.h"

static void join(azmq_sock *dialler, uint32_t dialler_endpoint, azmq_sock *listener,
                 uint32_t listener_endpoint, const char *name)
{
    azmq_connection *a = azmq_add_connection(dialler, dialler_endpoint);
    if (a == NULL)
        return;
    uint64_t link = ++dialler->lib->next_link;
    a->link = link;
    a->other = listener;
    azmq_name_connection(a, "", name);
    azmq_ready(dialler, a, 0);
    azmq_connection *b = azmq_add_connection(listener, listener_endpoint);
    if (b == NULL)
        return;
    b->link = link;
    b->other = dialler;
    b->accepted = 1;
    azmq_name_connection(b, "", name);
    azmq_ready(listener, b, 0);
}

static void remember(azmq_sock *s, const azmq_endpoint *endpoint, int bound)
{
    size_t size = strlen(endpoint->given) + 1;
    azmq_name *n = malloc(sizeof *n + size);
    if (n == NULL)
        return;
    n->sock = s;
    n->endpoint = endpoint->number;
    n->bound = bound;
    memcpy(n->name, endpoint->given, size);
    n->next = s->lib->names;
    s->lib->names = n;
}

void azmq_inproc_bound(azmq_sock *s, const azmq_endpoint *endpoint)
{
    azmq_name **at = &s->lib->names;
    while (*at != NULL) {
        azmq_name *n = *at;
        if (!n->bound && strcmp(n->name, endpoint->given) == 0) {
            join(n->sock, n->endpoint, s, endpoint->number, n->name);
            *at = n->next;
            free(n);
        } else {
            at = &n->next;
        }
    }
    remember(s, endpoint, 1);
}

void azmq_inproc_connected(azmq_sock *s, const azmq_endpoint *endpoint)
{
    for (azmq_name *n = s->lib->names; n != NULL; n = n->next)
        if (n->bound && strcmp(n->name, endpoint->given) == 0) {
            join(s, endpoint->number, n->sock, n->endpoint, n->name);
            return;
        }
    remember(s, endpoint, 0);
}

static void part(azmq_sock *s, size_t index)
{
    azmq_sock *other = s->connections[index].other;
    uint64_t link = s->connections[index].link;
    azmq_drop_connection(s, index, 0);
    for (size_t i = other->connection_count; i-- > 0;)
        if (other->connections[i].link == link)
            azmq_drop_connection(other, i, 0);
}

void azmq_inproc_forget(azmq_sock *s, uint32_t endpoint)
{
    int listening = 0;
    azmq_name **at = &s->lib->names;
    while (*at != NULL) {
        azmq_name *n = *at;
        if (n->sock == s && (endpoint == 0 || n->endpoint == endpoint)) {
            listening |= n->bound;
            *at = n->next;
            free(n);
        } else {
            at = &n->next;
        }
    }
    if (endpoint != 0 && listening)
        return;
    for (size_t i = s->connection_count; i-- > 0;) {
        if (i >= s->connection_count) /* a socket connected to itself lost both sides at once */
            continue;
        if (s->connections[i].link != 0
            && (endpoint == 0 || s->connections[i].endpoint == endpoint))
            part(s, i);
    }
}
