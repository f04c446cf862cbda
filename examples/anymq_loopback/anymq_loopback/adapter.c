/* The C half of the backend: it opens the library, and fills in the table that the engine uses. */
#include "anymq_dl.h" /* before all others */

#include <errno.h>
#include <string.h>

#include "adapter.h"
#include "anymq_ops.h"

/* Opening */

lb_library *anymq_lb_load(const char *name, char *error, size_t error_size)
{
    void *dl = anymq_dl_open(name, error, error_size);
    if (dl == NULL)
        return NULL;
    lb_library *lib = calloc(1, sizeof *lib);
    if (lib == NULL) {
        snprintf(error, error_size, "out of memory");
        dlclose(dl);
        return NULL;
    }
#define LB_RESOLVE(function)                                                                \
    if ((*(void **)&lib->function = anymq_dl_symbol(dl, #function)) == NULL) {              \
        snprintf(error, error_size, "not libloopback: it has no %s", #function);            \
        free(lib);                                                                          \
        dlclose(dl);                                                                        \
        return NULL;                                                                        \
    }
    LB_FUNCTIONS(LB_RESOLVE)
    anymq_dl_path(*(void **)&lib->lb_version, lib->path, sizeof lib->path);
    return lib;
}

/* Sockets */

lb_handle *anymq_lb_new(const lb_library *lib, int kind, int *error)
{
    lb_handle *h = calloc(1, sizeof *h);
    if (h == NULL) {
        *error = ENOMEM;
        return NULL;
    }
    h->lib = lib;
    h->s = lib->lb_open(kind);
    if (h->s == NULL) {
        *error = errno;
        free(h);
        return NULL;
    }
    return h;
}

/* The engine has waited for `drained` within the linger time before it calls this. */
int anymq_lb_close(void *sock, int64_t linger_ms)
{
    lb_handle *h = sock;
    (void)linger_ms;
    h->lib->lb_close(h->s);
    free(h);
    return ANYMQ_OK;
}

/* Messages: `native.ptr` is the library's own, whose body `data` points into. */

static int msg_init(void *sock, anymq_msg *m, const void *header, size_t header_size,
                    const void *data, size_t size)
{
    const lb_handle *h = sock;
    (void)header;
    memset(m, 0, sizeof *m);
    if (header_size > 0)
        return EINVAL; /* headers are for raw sockets, which there are none of */
    lb_msg *msg = h->lib->lb_alloc(size);
    if (msg == NULL)
        return ENOMEM;
    if (size > 0)
        memcpy(msg->data, data, size);
    m->native.ptr = msg;
    m->data = msg->data;
    m->size = size;
    return ANYMQ_OK;
}

static void msg_release(void *sock, anymq_msg *m)
{
    const lb_handle *h = sock;
    h->lib->lb_free(m->native.ptr);
    memset(m, 0, sizeof *m);
}

/* 0 stays 0; "not now" has a name of its own; all else is the library's error number. */
static int result_of(int negative_errno)
{
    return negative_errno == -EAGAIN ? ANYMQ_AGAIN : -negative_errno;
}

static int try_send(void *sock, anymq_msg *m)
{
    const lb_handle *h = sock;
    int result = result_of(h->lib->lb_send(h->s, m->native.ptr));
    if (result == ANYMQ_OK)
        memset(m, 0, sizeof *m); /* it is the library's now */
    return result;
}

static int try_recv(void *sock, anymq_msg *m)
{
    const lb_handle *h = sock;
    lb_msg *msg;
    int result = result_of(h->lib->lb_recv(h->s, &msg));
    if (result == ANYMQ_OK) {
        memset(m, 0, sizeof *m);
        m->native.ptr = msg;
        m->data = msg->data;
        m->size = msg->size;
    }
    return result;
}

/* Waiting, and what the socket knows */

static int wait_fd(void *sock, int direction)
{
    const lb_handle *h = sock;
    return h->lib->lb_fd(h->s, direction == ANYMQ_WRITABLE);
}

static int drained(void *sock)
{
    const lb_handle *h = sock;
    if (h->lib->lb_unsent(h->s) > 0)
        return 0;
    return h->lib->lb_lost(h->s) > 0 ? ANYMQ_UNKNOWN : 1;
}

static int peers(void *sock, uint32_t endpoint)
{
    const lb_handle *h = sock;
    return h->lib->lb_peers(h->s, (int)endpoint);
}

static const anymq_ops table = {
    .abi = ANYMQ_OPS_ABI,
    .size = sizeof(anymq_ops),
    .traits = 0, /* any thread may call it, and its descriptors stay readable while it is ready */
    .msg_init = msg_init,
    .msg_release = msg_release,
    .try_send = try_send,
    .try_recv = try_recv,
    .wait_fd = wait_fd,
    .drained = drained,
    .peers = peers,
    .close = anymq_lb_close,
};

const void *anymq_lb_ops(void)
{
    return &table;
}
