/* Bells, and descriptors for event loops.
 *
 * Most sockets ring a bell when what they received ahead has come (ahead.c) and when they would take
 * what is sent (posts.c). A REQ or SURVEYOR has a receive that belongs to the request and stays under
 * way (reply.c), so its callback tells; and so does that of a SUB of the versions whose own
 * descriptor lies. What is left is watched through nng's own poll descriptors. Once there is one, nng
 * writes to it or empties it with every message: a REQ that merely waits for a peer is not given its
 * own for sending.
 */
#include "socket.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum { UNASKED = -1 };

int anymq_nng_bell_open(nng_bell *bell)
{
    if (!bell->open) {
        bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        bell->open = bell->fd >= 0;
    }
    return bell->open ? 0 : NNG_ENOMEM;
}

void anymq_nng_bell_close(nng_bell *bell)
{
    if (bell->open)
        close(bell->fd);
    bell->open = 0;
}

void anymq_nng_ring(nng_bell *bell)
{
    if (!bell->open || bell->rung)
        return;
    bell->rung = 1;
    (void)eventfd_write(bell->fd, 1);
}

void anymq_nng_unring(nng_bell *bell)
{
    eventfd_t ignored;

    if (!bell->rung)
        return;
    bell->rung = 0;
    (void)eventfd_read(bell->fd, &ignored);
}

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

/* Whether what a send waits for can only be somebody who connects. */
static int waits_for_peer(const anymq_nng_socket *s)
{
    return s->flags & NNG_IS_REQ && s->library->fn.pipe_notify != NULL &&
           atomic_load(&s->pipes.connected) == 0;
}

int anymq_nng_wait_fd(void *socket, int direction)
{
    anymq_nng_socket *s = socket;

    if (direction == ANYMQ_WRITABLE && anymq_nng_can_post(s))
        return anymq_nng_post_fd(s);
    if (direction == ANYMQ_WRITABLE && waits_for_peer(s))
        return anymq_nng_arrival_fd(s);
    if (direction == ANYMQ_WRITABLE)
        return anymq_nng_send_fd(s);
    if (s->flags & NNG_KEEPS_RECEIVE)
        return anymq_nng_reply_fd(s);
    return anymq_nng_receives_ahead(s) ? anymq_nng_ahead_fd(s) : recv_fd(s);
}
