/* Descriptors for event loops.
 *
 * nng's own poll descriptor is written to by the thread that brings a message, where a callback
 * would first go through another of nng's threads. A REQ or SURVEYOR has none that could be used:
 * its receive belongs to the request and stays under way (reply.c), so its callback tells; and so
 * does that of a SUB of the versions whose own descriptor lies.
 */
#include "socket.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum { UNASKED = -1 };

int anymq_nng_send_fd(anymq_nng_socket *s)
{
    const nng_table *fn = &s->library->fn;
    int fd = atomic_load(&s->send_fd), rv = NNG_ENOTSUP;

    if (fd != UNASKED)
        return fd;
    if (fn->get_send_fd != NULL)
        rv = fn->get_send_fd(s->id, &fd);
    else if (fn->get_int[NNG_SOCKET] != NULL)
        rv = fn->get_int[NNG_SOCKET](s->id, "send-fd", &fd);
    if (rv != 0)
        return -1;
    atomic_store(&s->send_fd, fd);
    return fd;
}

static int recv_fd(anymq_nng_socket *s)
{
    const nng_table *fn = &s->library->fn;
    int fd = atomic_load(&s->recv_fd), rv = NNG_ENOTSUP;

    if (fd != UNASKED)
        return fd;
    if (fn->get_recv_fd != NULL)
        rv = fn->get_recv_fd(s->id, &fd);
    else if (fn->get_int[NNG_SOCKET] != NULL)
        rv = fn->get_int[NNG_SOCKET](s->id, "recv-fd", &fd);
    if (rv != 0)
        return -1;
    atomic_store(&s->recv_fd, fd);
    return fd;
}

int anymq_nng_wait_fd(void *socket, int direction)
{
    anymq_nng_socket *s = socket;

    if (direction == ANYMQ_WRITABLE)
        return anymq_nng_send_fd(s);
    if (s->flags & NNG_KEEPS_RECEIVE)
        return anymq_nng_reply_fd(s);
    return recv_fd(s);
}
