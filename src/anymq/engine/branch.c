/* Branches: contexts for a library that has none, over one socket that shows its envelopes.
 *
 * The socket (libzmq's ROUTER for a replier, DEALER for a requester) belongs to a hub, which hangs on
 * its handle; each context is a branch, driven by a handle of its own through the table at the end.
 * A requester's branch puts a number before its request, which ordinary repliers return with their
 * reply, and takes the reply that has it; all others are dropped. A replier's branch keeps the
 * envelope of the request that it took and puts it before its answer.
 *
 * Any branch that looks for a message reads the socket for all. A thread, the pump, does so for those
 * who sleep; it takes requests only while somebody waits for one, so that the others stay in the
 * library, which holds its peers back. A request that was given to a branch that no longer waits
 * goes to the next.
 *
 * A branch's messages are memory of its own: a branch never needs the socket to be closed. Two locks:
 * the hub's guards the branches, and under it the handle's is taken for each use of the socket. Once
 * the hub is stopped, nobody but its handle touches the socket.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PARTS 32                /* of a message; one with more is dropped */
#define RETRY (5 * NS_PER_MS)   /* between looks at whether it can be sent */

/* A message and, of a request, the parts of its envelope, each after its length. */
typedef struct Parcel {
    struct Parcel *next;
    size_t envelope, size;
    char bytes[]; /* the body, then the envelope */
} Parcel;

typedef struct Branch {
    struct Branch *next;
    struct Hub *hub;
    Parcel *slot;      /* what came for it and was not taken yet */
    char *envelope;    /* replier: of the request that it may answer */
    size_t envelope_size;
    uint32_t number;   /* requester: of the request that is outstanding; 0: none */
    int waiting[3];    /* threads, by direction */
    int wanted;        /* directions that a loop waits for */
    void (*tell)(void *listener, int direction); /* loops; NULL: none waits */
    void *listener;
    bool interrupted;
    pthread_cond_t changed;
} Branch;

struct Hub {
    Handle *h;
    bool asks;        /* a requester */
    int state_error;  /* the library's number of it */
    pthread_mutex_t lock;
    Branch *branches;
    Parcel *pending;  /* requests that nobody has, in order */
    uint32_t last_number;
    bool stopping;
    pthread_t pump;
    WatchLink link;   /* `wake` wakes the pump */
    atomic_int holders;
};

static void let_go(struct Hub *hub)
{
    if (atomic_fetch_sub(&hub->holders, 1) > 1)
        return;
    while (hub->pending != NULL) {
        Parcel *parcel = hub->pending;
        hub->pending = parcel->next;
        free(parcel);
    }
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}

static void notify(Branch *b, int direction)
{
    b->wanted &= ~direction;
    if (b->tell != NULL)
        b->tell(b->listener, direction);
    pthread_cond_broadcast(&b->changed);
}

static void wake_pump(struct Hub *hub)
{
    amq_wake_set(hub->link.wake);
}

/* Reading and writing the socket; the hub is locked and not stopping. */

static int receive_part(Handle *h, anymq_msg *m)
{
    int result = h->ops->try_recv(h->sock, m);
    for (int i = 0; i < 2 && result == ANYMQ_AGAIN && h->traits & ANYMQ_EDGE; i++) {
        if (!(h->ops->events(h->sock) & ANYMQ_READABLE))
            break;
        result = h->ops->try_recv(h->sock, m);
    }
    return result;
}

/* Envelope, empty part, body: as one parcel; NULL: something else, or no memory. */
static Parcel *to_parcel(const anymq_msg *parts, size_t count)
{
    size_t split = 0, envelope = 0;
    while (split < count && parts[split].size > 0)
        envelope += sizeof parts[split].size + parts[split].size, split++;
    if (split == 0 || split + 2 != count)
        return NULL;
    const anymq_msg *body = &parts[split + 1];
    Parcel *parcel = malloc(sizeof *parcel + body->size + envelope);
    if (parcel == NULL)
        return NULL;
    *parcel = (Parcel){NULL, envelope, body->size};
    char *at = parcel->bytes + body->size;
    if (body->size > 0)
        memcpy(parcel->bytes, body->data, body->size);
    for (size_t i = 0; i < split; i++) {
        memcpy(at, &parts[i].size, sizeof parts[i].size);
        memcpy(at + sizeof parts[i].size, parts[i].data, parts[i].size);
        at += sizeof parts[i].size + parts[i].size;
    }
    return parcel;
}

/* The next message that has the right form, or NULL. */
static Parcel *read_parcel(struct Hub *hub)
{
    Handle *h = hub->h;
    Parcel *parcel = NULL;
    anymq_msg parts[PARTS], surplus;
    int result = ANYMQ_OK;
    amq_lock_raw(h);
    while (parcel == NULL && result == ANYMQ_OK) {
        size_t count = 0, kept;
        bool more = true;
        while (more && (result = receive_part(h, count < PARTS ? &parts[count] : &surplus)) == ANYMQ_OK) {
            more = (count < PARTS ? &parts[count] : &surplus)->flags & ANYMQ_MORE;
            if (count >= PARTS)
                h->ops->msg_release(h->sock, &surplus);
            count++;
        }
        kept = count < PARTS ? count : PARTS;
        if (result == ANYMQ_OK && count <= PARTS)
            parcel = to_parcel(parts, count);
        for (size_t i = 0; i < kept; i++)
            h->ops->msg_release(h->sock, &parts[i]);
    }
    amq_unlock(h);
    return parcel;
}

/* One part; on failure it was not sent. */
static int send_part(Handle *h, const void *data, size_t size, bool more)
{
    anymq_msg m;
    int result = h->ops->msg_init(h->sock, &m, NULL, 0, data, size);
    if (result != 0)
        return result;
    m.flags = more ? ANYMQ_MORE : 0;
    result = h->ops->try_send(h->sock, &m);
    if (result == ANYMQ_AGAIN && h->traits & ANYMQ_EDGE && h->ops->events(h->sock) & ANYMQ_WRITABLE)
        result = h->ops->try_send(h->sock, &m);
    if (result != ANYMQ_OK)
        h->ops->msg_release(h->sock, &m);
    return result;
}

/* Once its first part is taken, the library takes the rest. */
static int send_parcel(struct Hub *hub, const char *envelope, size_t envelope_size, const anymq_msg *m)
{
    Handle *h = hub->h;
    int result = ANYMQ_OK;
    amq_lock_raw(h);
    for (size_t at = 0; at < envelope_size && result == ANYMQ_OK;) {
        size_t size;
        memcpy(&size, envelope + at, sizeof size);
        result = send_part(h, envelope + at + sizeof size, size, true);
        at += sizeof size + size;
    }
    if (result == ANYMQ_OK)
        result = send_part(h, "", 0, true);
    if (result == ANYMQ_OK)
        result = send_part(h, m->data, m->size, false);
    amq_unlock(h);
    return result;
}

/* Giving out what has come */

static Parcel *next_request(struct Hub *hub)
{
    Parcel *parcel = hub->pending;
    if (parcel == NULL)
        return read_parcel(hub);
    hub->pending = parcel->next;
    return parcel;
}

/* A request goes back to be the next. */
static void put_back(Branch *b)
{
    b->slot->next = b->hub->pending;
    b->hub->pending = b->slot;
    b->slot = NULL;
    wake_pump(b->hub);
}

static Branch *who_waits(struct Hub *hub, int direction)
{
    for (Branch *b = hub->branches; b != NULL; b = b->next)
        if ((b->waiting[direction] > 0 || b->wanted & direction) &&
            (direction == ANYMQ_WRITABLE || b->slot == NULL))
            return b;
    return NULL;
}

static void give_out_replies(struct Hub *hub)
{
    Parcel *parcel;
    while ((parcel = read_parcel(hub)) != NULL) {
        uint32_t number = 0;
        if (parcel->envelope == sizeof(size_t) + sizeof number)
            memcpy(&number, parcel->bytes + parcel->size + sizeof(size_t), sizeof number);
        Branch *b = hub->branches;
        while (b != NULL && (number == 0 || b->number != number))
            b = b->next;
        if (b != NULL && b->slot == NULL) {
            b->slot = parcel;
            notify(b, ANYMQ_READABLE);
        } else {
            free(parcel); /* nobody waits for it any more */
        }
    }
}

static void give_out(struct Hub *hub)
{
    Branch *b;
    if (hub->asks) {
        give_out_replies(hub);
        return;
    }
    while ((b = who_waits(hub, ANYMQ_READABLE)) != NULL && (b->slot = next_request(hub)) != NULL)
        notify(b, ANYMQ_READABLE);
}

static void *run_pump(void *argument)
{
    struct Hub *hub = argument;
    Handle *h = hub->h;
    pthread_mutex_lock(&hub->lock);
    while (!hub->stopping) {
        give_out(hub);
        bool reading = hub->asks || who_waits(hub, ANYMQ_READABLE) != NULL;
        amq_watch_want(h, &hub->link, reading ? ANYMQ_READABLE : 0);
        amq_lock_raw(h);
        int fd = h->ops->wait_fd(h->sock, ANYMQ_READABLE);
        int ready = h->ops->events(h->sock);
        amq_unlock(h);
        if (ready & ANYMQ_WRITABLE)
            for (Branch *b = hub->branches; b != NULL; b = b->next)
                if (b->waiting[ANYMQ_WRITABLE] > 0 || b->wanted & ANYMQ_WRITABLE)
                    notify(b, ANYMQ_WRITABLE);
        if (reading && ready & ANYMQ_READABLE)
            continue;
        bool sending = who_waits(hub, ANYMQ_WRITABLE) != NULL;
        pthread_mutex_unlock(&hub->lock);
        amq_poll(reading ? fd : -1, hub->link.wake, sending ? RETRY : FOREVER);
        amq_wake_clear(hub->link.wake);
        pthread_mutex_lock(&hub->lock);
    }
    pthread_mutex_unlock(&hub->lock);
    return NULL;
}

/* The operations of a branch */

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
    *parcel = (Parcel){NULL, 0, size};
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
    free(m->native.ptr);
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
        give_out(hub);
    else if (b->slot == NULL)
        b->slot = next_request(hub);
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
    int result = send_parcel(hub, envelope, sizeof envelope, m);
    if (result == ANYMQ_OK) {
        b->number = number;
        wake_pump(hub); /* it may sleep without a look at the descriptor whose news this has read */
    }
    return result;
}

/* An answer whose peer has gone is dropped, which the library reports as an error. */
static int send_answer(Branch *b, const anymq_msg *m)
{
    if (b->envelope == NULL)
        return b->hub->state_error;
    int result = send_parcel(b->hub, b->envelope, b->envelope_size, m);
    if (result == ANYMQ_AGAIN)
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
        wake_pump(hub);
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
        notify(b, direction);
    else
        wake_pump(b->hub);
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
        put_back(b);
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
        put_back(b);
    pthread_mutex_unlock(&hub->lock);
    free(b->slot);
    free(b->envelope);
    pthread_cond_destroy(&b->changed);
    free(b);
    let_go(hub);
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

/* The hub, for its handle */

static struct Hub *open_hub(Handle *h, bool asks, int state_error)
{
    struct Hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return NULL;
    hub->h = h;
    hub->asks = asks;
    hub->state_error = state_error;
    hub->last_number = (uint32_t)amq_now(); /* not those of the socket before at the same address */
    hub->link.wake = amq_wake_open();
    atomic_store(&hub->holders, 1);
    pthread_mutex_init(&hub->lock, NULL);
    if (hub->link.wake >= 0) {
        amq_watch_link(h, &hub->link);
        if (amq_thread_start(&hub->pump, run_pump, hub) == 0)
            return hub;
        amq_watch_unlink(h, &hub->link);
        amq_wake_close(hub->link.wake);
    }
    let_go(hub);
    return NULL;
}

void amq_hub_stop(Handle *h)
{
    struct Hub *hub = h->hub;
    if (hub == NULL)
        return;
    h->hub = NULL;
    pthread_mutex_lock(&hub->lock);
    hub->stopping = true;
    for (Branch *b = hub->branches; b != NULL; b = b->next) {
        notify(b, ANYMQ_READABLE);
        notify(b, ANYMQ_WRITABLE);
    }
    pthread_mutex_unlock(&hub->lock);
    wake_pump(hub);
    pthread_join(hub->pump, NULL);
    amq_watch_unlink(h, &hub->link);
    amq_wake_close(hub->link.wake);
    let_go(hub);
}

int amq_fail_hub(Handle *h)
{
    return amq_fail(h, amq_StateError,
                    "a %U socket that has contexts speaks through them alone on this library",
                    h->protocol);
}

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
        h->hub = open_hub(h, asks, (int)state_error);
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
