/* A branch of a hub (hub.c) as the engine drives it: the table of its operations, and its making. */
#include "branch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int branch_msg_init(void *sock, anymq_msg *m, const void *header, size_t header_size,
                           const void *data, size_t size)
{
    (void)sock;
    (void)header;
    memset(m, 0, sizeof *m);
    if (header_size != 0)
        return ENOTSUP;
    Parcel *parcel = malloc(sizeof *parcel + size);
    if (parcel == NULL)
        return ENOMEM;
    *parcel = (Parcel){.holders = 1, .size = size};
    if (size > 0)
        memcpy(parcel->bytes, data, size);
    m->native.ptr = parcel;
    m->data = parcel->bytes;
    m->size = size;
    return ANYMQ_OK;
}

static void branch_msg_release(void *sock, anymq_msg *m)
{
    (void)sock;
    amq_parcel_let_go(m->native.ptr);
    memset(m, 0, sizeof *m);
}

static int closed(const Branch *b)
{
    return b->interrupted || b->hub->stopping;
}

/* With the hub locked. */
static int attempt_recv(Branch *b, anymq_msg *m)
{
    struct Hub *hub = b->hub;
    if (closed(b))
        return ANYMQ_INTERRUPTED;
    if (hub->asks && b->number == 0)
        return hub->state_error;
    if (b->slot == NULL && hub->asks)
        amq_hub_give_out(hub);
    else if (b->slot == NULL)
        b->slot = amq_hub_next_request(hub);
    Parcel *parcel = b->slot;
    if (parcel == NULL)
        return ANYMQ_AGAIN;
    if (hub->asks) {
        b->number = 0;
    } else {
        char *envelope = malloc(parcel->envelope);
        if (envelope == NULL)
            return ENOMEM;
        memcpy(envelope, parcel->bytes + parcel->size, parcel->envelope);
        free(b->envelope);
        b->envelope = envelope;
        b->envelope_size = parcel->envelope;
    }
    b->slot = NULL;
    memset(m, 0, sizeof *m);
    m->native.ptr = parcel;
    m->data = parcel->bytes;
    m->size = parcel->size;
    return ANYMQ_OK;
}

static int send_request(Branch *b, const anymq_msg *m)
{
    struct Hub *hub = b->hub;
    char envelope[sizeof(size_t) + sizeof b->number];
    size_t size = sizeof b->number;
    free(b->slot);
    b->slot = NULL;
    b->number = 0;
    uint32_t number = ++hub->last_number != 0 ? hub->last_number : ++hub->last_number;
    memcpy(envelope, &size, sizeof size);
    memcpy(envelope + sizeof size, &number, sizeof number);
    int result = amq_hub_send(hub, envelope, sizeof envelope, m->native.ptr);
    if (result == ANYMQ_OK) {
        b->number = number;
        amq_hub_wake(hub); /* it may sleep without a look at the descriptor whose news this has read */
    }
    return result;
}

/* An answer whose peer has gone is dropped, which the library reports as an error. Without memory it can
 * be sent again. */
static int send_answer(Branch *b, const anymq_msg *m)
{
    if (b->envelope == NULL)
        return b->hub->state_error;
    int result = amq_hub_send(b->hub, b->envelope, b->envelope_size, m->native.ptr);
    if (result == ANYMQ_AGAIN || result == ENOMEM)
        return result;
    free(b->envelope);
    b->envelope = NULL;
    return ANYMQ_OK;
}

/* With the hub locked. */
static int attempt_send(Branch *b, anymq_msg *m)
{
    if (closed(b))
        return ANYMQ_INTERRUPTED;
    int result = b->hub->asks ? send_request(b, m) : send_answer(b, m);
    if (result == ANYMQ_OK)
        branch_msg_release(b, m);
    return result;
}

static int run(Branch *b, anymq_msg *m, int direction, int timeout_ms)
{
    struct Hub *hub = b->hub;
    int64_t end = amq_now() + timeout_ms * NS_PER_MS;
    struct timespec until = {(time_t)(end / NS_PER_S), (long)(end % NS_PER_S)};
    int late = timeout_ms == 0 ? ETIMEDOUT : 0;
    pthread_mutex_lock(&hub->lock);
    for (;;) {
        int result = direction == ANYMQ_READABLE ? attempt_recv(b, m) : attempt_send(b, m);
        if (result != ANYMQ_AGAIN || late == ETIMEDOUT) {
            pthread_mutex_unlock(&hub->lock);
            return result;
        }
        b->waiting[direction]++;
        amq_hub_wake(hub);
        if (timeout_ms < 0)
            pthread_cond_wait(&b->changed, &hub->lock);
        else
            late = pthread_cond_timedwait(&b->changed, &hub->lock, &until);
        b->waiting[direction]--;
    }
}

static int branch_try_send(void *sock, anymq_msg *m)
{
    return run(sock, m, ANYMQ_WRITABLE, 0);
}

static int branch_try_recv(void *sock, anymq_msg *m)
{
    return run(sock, m, ANYMQ_READABLE, 0);
}

static int branch_wait_send(void *sock, anymq_msg *m, int timeout_ms)
{
    return run(sock, m, ANYMQ_WRITABLE, timeout_ms);
}

static int branch_wait_recv(void *sock, anymq_msg *m, int timeout_ms)
{
    return run(sock, m, ANYMQ_READABLE, timeout_ms);
}

static void branch_interrupt(void *sock)
{
    Branch *b = sock;
    pthread_mutex_lock(&b->hub->lock);
    b->interrupted = true;
    b->tell = NULL;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->hub->lock);
}

static void branch_ask(void *sock, int direction, void (*tell)(void *, int), void *listener)
{
    Branch *b = sock;
    pthread_mutex_lock(&b->hub->lock);
    b->tell = tell;
    b->listener = listener;
    b->wanted |= direction;
    if (closed(b) || (direction == ANYMQ_READABLE && b->slot != NULL))
        amq_branch_notify(b, direction);
    else
        amq_hub_wake(b->hub);
    pthread_mutex_unlock(&b->hub->lock);
}

static int branch_wait_fd(void *sock, int direction)
{
    (void)sock;
    (void)direction;
    return -1; /* loops are told */
}

static void branch_forgo(void *sock, int direction)
{
    Branch *b = sock;
    pthread_mutex_lock(&b->hub->lock);
    b->wanted &= ~direction;
    if (b->wanted == 0)
        b->tell = NULL;
    if (direction & ANYMQ_READABLE && !b->hub->asks && b->slot != NULL && b->waiting[ANYMQ_READABLE] == 0)
        amq_branch_put_back(b);
    pthread_mutex_unlock(&b->hub->lock);
}

static int branch_peers(void *sock, uint32_t endpoint)
{
    struct Hub *hub = ((Branch *)sock)->hub;
    pthread_mutex_lock(&hub->lock);
    int count = hub->stopping ? 0 : hub->h->ops->peers(hub->h->sock, endpoint);
    pthread_mutex_unlock(&hub->lock);
    return count;
}

static int branch_close(void *sock, int64_t linger_ms)
{
    Branch *b = sock, **at;
    struct Hub *hub = b->hub;
    (void)linger_ms; /* what it has sent is the socket's */
    pthread_mutex_lock(&hub->lock);
    for (at = &hub->branches; *at != b; at = &(*at)->next)
        continue;
    *at = b->next;
    if (b->slot != NULL && !hub->asks && !hub->stopping)
        amq_branch_put_back(b);
    pthread_mutex_unlock(&hub->lock);
    free(b->slot);
    free(b->envelope);
    pthread_cond_destroy(&b->changed);
    free(b);
    amq_hub_let_go(hub);
    return 0;
}

static const anymq_ops table = {
    .abi = ANYMQ_OPS_ABI,
    .size = sizeof(anymq_ops),
    .traits = ANYMQ_NATIVE_WAIT | ANYMQ_TELLS | ANYMQ_LINGERS,
    .msg_init = branch_msg_init,
    .msg_release = branch_msg_release,
    .try_send = branch_try_send,
    .try_recv = branch_try_recv,
    .wait_fd = branch_wait_fd,
    .wait_send = branch_wait_send,
    .wait_recv = branch_wait_recv,
    .interrupt = branch_interrupt,
    .ask = branch_ask,
    .forgo = branch_forgo,
    .peers = branch_peers,
    .close = branch_close,
};

/* Handle.branch(asks, state_error): addresses of the operations and the socket of a new branch. */
PyObject *amq_branch(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    (void)nargs;
    int asks = PyObject_IsTrue(args[0]);
    long state_error = PyLong_AsLong(args[1]);
    if (PyErr_Occurred() || amq_use(h) < 0)
        return NULL;
    if (!(h->traits & ANYMQ_EDGE)) {
        amq_unuse(h);
        PyErr_SetString(PyExc_TypeError, "branches need a library that tells events");
        return NULL;
    }
    if (h->hub == NULL)
        h->hub = amq_hub_open(h, asks, (int)state_error);
    if (h->hub != NULL)
        h->can_send = h->can_recv = false;
    Branch *b = h->hub != NULL ? calloc(1, sizeof *b) : NULL;
    if (b != NULL) {
        pthread_condattr_t attributes;
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&b->changed, &attributes);
        pthread_condattr_destroy(&attributes);
        b->hub = h->hub;
        atomic_fetch_add(&h->hub->holders, 1);
        Py_BEGIN_ALLOW_THREADS /* the hub's lock may be held by one who waits for the handle's */
        pthread_mutex_lock(&b->hub->lock);
        Branch **at = &b->hub->branches; /* the last: requests go to the first that waits */
        while (*at != NULL)
            at = &(*at)->next;
        *at = b;
        pthread_mutex_unlock(&b->hub->lock);
        Py_END_ALLOW_THREADS
    }
    amq_unuse(h);
    if (b == NULL)
        return PyErr_NoMemory();
    return Py_BuildValue("KK", (unsigned long long)(uintptr_t)&table,
                         (unsigned long long)(uintptr_t)b);
}
