/* Messages, and one attempt to send or receive one.
 *
 * In anymq_msg.native, words[0] is the body, allocated by the library; words[1] is a block of
 * ancillary data that holds the SP header of a raw socket, words[2] is how much of that block is
 * passed on when the message is sent, and words[3] the library. All may be moved by memcpy.
 */
#include <limits.h>
#include <string.h>

#include "anymq_pages.h"
#include "nanomsg.h"

enum { BODY, CONTROL, CONTROL_SIZE, LIBRARY };

static inline void *word_ptr(const anymq_msg *m, int i)
{
    return (void *)(uintptr_t)m->native.words[i];
}

static inline void set_word_ptr(anymq_msg *m, int i, void *p)
{
    m->native.words[i] = (uint64_t)(uintptr_t)p;
}

static inline size_t aligned(size_t size)
{
    return (size + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1);
}

/* An ancillary block: struct nn_cmsghdr, the header's size as size_t, the header. */
#define CONTROL_HEADER_AT (sizeof(struct nn_cmsghdr) + sizeof(size_t))

static void *control_new(const anymq_nn_lib *lib, const void *header, size_t size, size_t *total)
{
    *total = aligned(CONTROL_HEADER_AT + size);
    char *block = lib->nn_allocmsg(*total, 0);
    if (block == NULL)
        return NULL;
    struct nn_cmsghdr *c = (struct nn_cmsghdr *)block;
    c->cmsg_len = *total;
    c->cmsg_level = ANYMQ_NN_PROTO_SP;
    c->cmsg_type = ANYMQ_NN_SP_HDR;
    memcpy(block + sizeof(*c), &size, sizeof(size));
    memset(block + CONTROL_HEADER_AT, 0, *total - CONTROL_HEADER_AT);
    memcpy(block + CONTROL_HEADER_AT, header, size);
    return block;
}

int anymq_nn_msg_init(void *sock, anymq_msg *m, const void *header, size_t header_size,
                      const void *data, size_t size)
{
    const anymq_nn_socket *s = sock;
    const anymq_nn_lib *lib = s->lib;
    memset(m, 0, sizeof(*m));
    /* The library aborts the process when a header is given to a socket that makes its own. */
    if (header_size > 0 && !s->raw)
        return lib->k.k_EINVAL;
    /* Sizes are int in nanomsg's interface. */
    if (size > INT_MAX - 64 || header_size > INT_MAX / 2)
        return lib->k.k_EMSGSIZE;
    char *body = lib->nn_allocmsg(size, 0);
    if (body == NULL)
        return lib->nn_errno();
    if (size > 0) {
        anymq_large_pages(body, size);
        memcpy(body, data, size);
    }
    if (header_size > 0) {
        size_t total;
        char *control = control_new(lib, header, header_size, &total);
        if (control == NULL) {
            int error = lib->nn_errno();
            lib->nn_freemsg(body);
            return error;
        }
        set_word_ptr(m, CONTROL, control);
        m->native.words[CONTROL_SIZE] = total;
        m->header = control + CONTROL_HEADER_AT;
        m->header_size = header_size;
    }
    set_word_ptr(m, BODY, body);
    m->native.words[LIBRARY] = (uint64_t)(uintptr_t)lib;
    m->data = body;
    m->size = size;
    return ANYMQ_OK;
}

static void free_parts(const anymq_nn_lib *lib, anymq_msg *m)
{
    if (word_ptr(m, BODY) != NULL)
        lib->nn_freemsg(word_ptr(m, BODY));
    if (word_ptr(m, CONTROL) != NULL)
        lib->nn_freemsg(word_ptr(m, CONTROL));
}

void anymq_nn_msg_release(void *sock, anymq_msg *m)
{
    free_parts(((const anymq_nn_socket *)sock)->lib, m);
    memset(m, 0, sizeof(*m));
}

void anymq_nn_msg_free(const anymq_ops *ops, anymq_msg *m)
{
    (void)ops; /* all libraries have the same */
    free_parts(word_ptr(m, LIBRARY), m);
}

int anymq_nn_try_send(void *sock, anymq_msg *m)
{
    anymq_nn_socket *s = sock;
    const anymq_nn_lib *lib = s->lib;
    if (s->waits_for_peer && anymq_nn_connected(s) <= 0)
        return ANYMQ_AGAIN;

    void *body = word_ptr(m, BODY);
    struct nn_iovec iov = {&body, ANYMQ_NN_MSG};
    struct nn_msghdr hdr = {&iov, 1, NULL, 0};
    if (m->header_size > 0) {
        /* Passed by size, so that it is copied: passed as NN_MSG it would be freed on failure. */
        hdr.msg_control = word_ptr(m, CONTROL);
        hdr.msg_controllen = (size_t)m->native.words[CONTROL_SIZE];
    }
    anymq_nn_before_send(s);
    anymq_nn_before_request(s);
    while (lib->nn_sendmsg(s->s, &hdr, lib->k.k_NN_DONTWAIT) == -1) {
        int error = lib->nn_errno();
        if (error == lib->k.k_EAGAIN)
            return ANYMQ_AGAIN;
        if (error != lib->k.k_EINTR)
            return error;
    }
    anymq_nn_after_send(s);
    anymq_nn_after_request(s);
    if (s->answers)
        __atomic_store_n(&s->owes_answer, 0, __ATOMIC_RELEASE);
    if (word_ptr(m, CONTROL) != NULL)
        lib->nn_freemsg(word_ptr(m, CONTROL));
    memset(m, 0, sizeof(*m));
    return ANYMQ_OK;
}

/* The SP header in a block that the library made. */
static void find_header(anymq_msg *m, char *control)
{
    struct nn_cmsghdr *c = (struct nn_cmsghdr *)control;
    set_word_ptr(m, CONTROL, control);
    if (c->cmsg_level != ANYMQ_NN_PROTO_SP || c->cmsg_type != ANYMQ_NN_SP_HDR)
        return;
    m->native.words[CONTROL_SIZE] = aligned(c->cmsg_len);
    memcpy(&m->header_size, control + sizeof(*c), sizeof(m->header_size));
    m->header = control + CONTROL_HEADER_AT;
}

/* 1.0 keeps to NN_RCVMAXSIZE over tcp and ws only: whether this message is one for which a later
 * version would have given up the connection. */
static bool exceeds_limit(anymq_nn_socket *s, unsigned int size)
{
    const anymq_nn_lib *lib = s->lib;
    if (!lib->before_1_1)
        return false;
    pthread_mutex_lock(&s->lock);
    bool ipc = s->paths != NULL;
    pthread_mutex_unlock(&s->lock);
    int limit = -1;
    size_t room = sizeof(limit);
    if (!ipc || lib->nn_getsockopt(s->s, lib->k.k_NN_SOL_SOCKET, lib->k.k_NN_RCVMAXSIZE, &limit,
                                   &room) != 0)
        return false;
    return limit >= 0 && size > (unsigned int)limit;
}

static int receive(anymq_nn_socket *s, struct nn_msghdr *hdr, int *size)
{
    const anymq_nn_lib *lib = s->lib;
    void **body = hdr->msg_iov->iov_base, **control = hdr->msg_control;
    for (;;) {
        *size = lib->nn_recvmsg(s->s, hdr, lib->k.k_NN_DONTWAIT);
        /* the library's int overflows above 2 GiB */
        if (*size < 0 && *body == NULL) {
            int error = lib->nn_errno();
            if (error == lib->k.k_EAGAIN)
                return ANYMQ_AGAIN;
            if (error != lib->k.k_EINTR)
                return error;
            continue;
        }
        if (!exceeds_limit(s, (unsigned int)*size))
            return ANYMQ_OK;
        lib->nn_freemsg(*body);
        *body = NULL;
        if (control != NULL && *control != NULL) {
            lib->nn_freemsg(*control);
            *control = NULL;
        }
        if (s->waits_for_peer)
            return lib->k.k_EMSGSIZE; /* it was the reply: there is nothing more to wait for */
    }
}

int anymq_nn_try_recv(void *sock, anymq_msg *m)
{
    anymq_nn_socket *s = sock;
    const anymq_nn_lib *lib = s->lib;
    void *body = NULL, *control = NULL;
    struct nn_iovec iov = {&body, ANYMQ_NN_MSG};
    struct nn_msghdr hdr = {&iov, 1, NULL, 0};
    if (s->raw) {
        hdr.msg_control = &control;
        hdr.msg_controllen = ANYMQ_NN_MSG;
    }
    if (s->answers && __atomic_load_n(&s->owes_answer, __ATOMIC_ACQUIRE) &&
        !anymq_nn_readable(s->recv_fd))
        return ANYMQ_AGAIN;
    uint64_t sent = s->waits_for_peer ? __atomic_load_n(&s->sent, __ATOMIC_ACQUIRE) : 0;
    int size;
    int error = receive(s, &hdr, &size);
    if (error != ANYMQ_OK)
        return error;
    if (s->answers)
        __atomic_store_n(&s->owes_answer, 1, __ATOMIC_RELEASE);
    anymq_nn_after_reply(s);
    /* A reply proves that the request has left. */
    if (s->waits_for_peer)
        __atomic_store_n(&s->clean, sent, __ATOMIC_RELEASE);
    memset(m, 0, sizeof(*m));
    set_word_ptr(m, BODY, body);
    m->native.words[LIBRARY] = (uint64_t)(uintptr_t)lib;
    m->data = body;
    m->size = (unsigned int)size;
    if (control != NULL)
        find_header(m, control);
    return ANYMQ_OK;
}
