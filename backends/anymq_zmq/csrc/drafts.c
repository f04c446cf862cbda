/* What is particular to draft socket types: messages with a header, groups, and peers by number.
 *
 * A SERVER or PEER addresses a peer by the routing id of a message, a RADIO or DISH a group by its
 * name. Both are the message's header here, so that one taken from a message can be put before the
 * answer. The functions are looked for when the library is opened, and may be missing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "socket.h"

#define GROUP_MAX 255 /* bytes of a group's name */

/* A type whose header this library has no functions for is refused before it is opened. */
azmq_header azmq_header_of(const azmq_api *api, int type)
{
    int routed = api->msg_routing_id != NULL && api->msg_set_routing_id != NULL;
    int grouped = api->msg_group != NULL && api->msg_set_group != NULL;
    if ((type == AZMQ_SERVER || type == AZMQ_PEER) && routed)
        return AZMQ_ROUTING_ID;
    if ((type == AZMQ_RADIO || type == AZMQ_DISH) && grouped)
        return AZMQ_GROUP;
    return AZMQ_NO_HEADER;
}

/* Give the message that is to be sent the header that the program has put before it. */
int azmq_set_header(const azmq_sock *s, void *msg, const void *header, size_t size)
{
    uint32_t id;
    char group[GROUP_MAX + 1];
    switch (s->header) {
    case AZMQ_ROUTING_ID:
        if (size != sizeof id)
            return EINVAL;
        memcpy(&id, header, sizeof id);
        return s->lib->api.msg_set_routing_id(msg, ntohl(id)) == 0 ? 0 : s->get_errno();
    case AZMQ_GROUP:
        if (size > GROUP_MAX || memchr(header, 0, size) != NULL)
            return EINVAL;
        memcpy(group, header, size);
        group[size] = '\0';
        return s->lib->api.msg_set_group(msg, group) == 0 ? 0 : s->get_errno();
    default: /* libzmq has envelopes, which are parts, and no header */
        return ENOTSUP;
    }
}

/* Show the header of a message that was received. It is a copy, which does not move with `m`. */
int azmq_show_header(const azmq_sock *s, anymq_msg *m)
{
    uint32_t id;
    const void *header = &id;
    if (s->header == AZMQ_ROUTING_ID) {
        m->peer = s->lib->api.msg_routing_id(&m->native);
        id = htonl(m->peer);
        m->header_size = sizeof id;
    } else {
        header = s->lib->api.msg_group(&m->native);
        m->header_size = strlen(header);
    }
    void *copy = malloc(m->header_size + 1);
    if (copy == NULL)
        return ENOMEM;
    m->header = memcpy(copy, header, m->header_size);
    return 0;
}

static int join_or_leave(const azmq_sock *s, int (*call)(void *, const char *), const char *group)
{
    if (s->type != AZMQ_DISH || call == NULL) /* libzmq would end the process */
        return ENOTSUP;
    return call(s->native, group) == 0 ? 0 : s->get_errno();
}

int azmq_join(azmq_sock *s, const char *group)
{
    return join_or_leave(s, s->lib->api.join, group);
}

int azmq_leave(azmq_sock *s, const char *group)
{
    return join_or_leave(s, s->lib->api.leave, group);
}

/* A PEER is told which peer it connects to: without that it could not write to it first. */
int azmq_connect(const azmq_sock *s, const char *url, uint32_t *peer)
{
    int error;
    do {
        if (s->type == AZMQ_PEER && s->lib->api.connect_peer != NULL) {
            *peer = s->lib->api.connect_peer(s->native, url);
            error = *peer != 0 ? 0 : s->get_errno();
        } else {
            error = s->lib->api.connect(s->native, url) == 0 ? 0 : s->get_errno();
        }
    } while (error == EINTR);
    return error;
}
