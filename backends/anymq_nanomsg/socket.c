/* A socket from opening to closing, and the descriptors to wait on. */
#include <stdlib.h>

#include "nanomsg.h"

/* NN_SNDFD or NN_RCVFD, or -1 where the protocol has no such direction. */
static int event_fd(const anymq_nn_socket *s, int option)
{
    int fd = -1;
    size_t size = sizeof(fd);
    if (s->lib->nn_getsockopt(s->s, s->lib->k.k_NN_SOL_SOCKET, option, &fd, &size) < 0)
        return -1;
    return fd;
}

anymq_nn_socket *anymq_nn_socket_new(const anymq_nn_lib *lib, int protocol, int raw, int *error)
{
    anymq_nn_release_held();
    anymq_nn_socket *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        *error = lib->k.k_ENOMEM;
        return NULL;
    }
    s->lib = lib;
    s->protocol = protocol;
    s->raw = raw != 0;
    s->s = lib->nn_socket(raw ? lib->k.k_AF_SP_RAW : lib->k.k_AF_SP, protocol);
    if (s->s < 0) {
        *error = lib->nn_errno();
        free(s);
        return NULL;
    }
    bool req = protocol == lib->k.k_NN_REQ;
    s->waits_for_peer = req && !raw;
    s->tells_writable =
        protocol == lib->k.k_NN_PUSH || protocol == lib->k.k_NN_PAIR || (req && raw);
    s->send_fd = event_fd(s, lib->k.k_NN_SNDFD);
    s->recv_fd = event_fd(s, lib->k.k_NN_RCVFD);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

int anymq_nn_wait_fd(void *sock, int direction)
{
    const anymq_nn_socket *s = sock;
    if (direction == ANYMQ_READABLE)
        return s->recv_fd;
    /* NN_SNDFD of a REQ is always readable, so it cannot tell when a peer comes. */
    return s->waits_for_peer ? -1 : s->send_fd;
}

int anymq_nn_socket_close(void *sock, int64_t linger_ms)
{
    anymq_nn_socket *s = sock;
    const anymq_nn_lib *lib = s->lib;
    int error = ANYMQ_OK;
    anymq_nn_parting *parting = anymq_nn_before_close(s);
    while (lib->nn_close(s->s) < 0) {
        error = lib->nn_errno();
        if (error != lib->k.k_EINTR)
            break;
        error = ANYMQ_OK;
    }
    anymq_nn_after_close(parting, linger_ms);
    anymq_nn_release_held();
    anymq_nn_forget_paths(s);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return error;
}
