/* A socket from opening to closing, and the descriptors to wait on. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

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
    s->waits_for_peer = req && !raw && lib->nn_get_statistic != NULL;
    s->answers =
        !raw && (protocol == lib->k.k_NN_REP || protocol == lib->k.k_NN_RESPONDENT);
    s->tells_writable =
        protocol == lib->k.k_NN_PUSH || protocol == lib->k.k_NN_PAIR || (req && raw);
    s->send_fd = event_fd(s, lib->k.k_NN_SNDFD);
    s->recv_fd = event_fd(s, lib->k.k_NN_RCVFD);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

bool anymq_nn_readable(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0;
}

int anymq_nn_wait_fd(void *sock, int direction)
{
    const anymq_nn_socket *s = sock;
    if (direction == ANYMQ_READABLE)
        return s->recv_fd;
    /* NN_SNDFD of a REQ is always readable, so it cannot tell when a peer comes. */
    return s->waits_for_peer ? -1 : s->send_fd;
}

int anymq_nn_note(anymq_nn_socket *s, int kind, const char *text)
{
    if (kind != ANYMQ_NN_INPROC)
        __atomic_store_n(&s->others, 1, __ATOMIC_RELAXED);
    if (kind == ANYMQ_NN_REMOTE)
        return ANYMQ_OK;
    size_t size = strlen(text) + 1;
    anymq_nn_name *name = malloc(sizeof(*name) + size);
    if (name == NULL)
        return s->lib->k.k_ENOMEM;
    memcpy(name->text, text, size);
    if (kind == ANYMQ_NN_INPROC) {
        anymq_nn_inproc_add(s, name);
        return ANYMQ_OK;
    }
    pthread_mutex_lock(&s->lock);
    name->next = s->paths;
    s->paths = name;
    pthread_mutex_unlock(&s->lock);
    return ANYMQ_OK;
}

static void free_names(anymq_nn_name *name)
{
    while (name != NULL) {
        anymq_nn_name *next = name->next;
        free(name);
        name = next;
    }
}

int anymq_nn_socket_close(void *sock, int64_t linger_ms)
{
    anymq_nn_socket *s = sock;
    const anymq_nn_lib *lib = s->lib;
    int error = ANYMQ_OK;
    anymq_nn_inproc_leave(s);
    anymq_nn_parting *parting = anymq_nn_before_close(s);
    anymq_nn_socket *rep = anymq_nn_last_reply(s);
    while (lib->nn_close(s->s) < 0) {
        error = lib->nn_errno();
        if (error != lib->k.k_EINTR)
            break;
        error = ANYMQ_OK;
    }
    anymq_nn_inproc_remove(s);
    anymq_nn_after_close(parting, linger_ms);
    anymq_nn_release_held();
    free_names(s->paths);
    free_names(s->names);
    pthread_mutex_destroy(&s->lock);
    free(s);
    if (rep != NULL)
        anymq_nn_socket_close(rep, 0);
    return error;
}
