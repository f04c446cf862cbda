/* Branches: contexts for a library that has none, over one socket that shows its envelopes.
 *
 * The socket (libzmq's ROUTER for a replier, DEALER for a requester) belongs to a hub, which hangs on
 * its handle; each context is a branch, driven by a handle of its own (branch.c).
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
#include "branch.h"

#include <stdlib.h>
#include <string.h>

#define PARTS 32                /* of a message; one with more is dropped */
/* Between looks at whether it can be sent: longer and longer while nothing can, because the library
 * tells of the socket, and of a ROUTER's peers it is one that is full while another is not. */
#define RETRY_LEAST (NS_PER_MS / 4)
#define RETRY_MOST (5 * NS_PER_MS)

void amq_hub_let_go(struct Hub *hub)
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

void amq_branch_notify(Branch *b, int direction)
{
    b->wanted &= ~direction;
    if (b->tell != NULL)
        b->tell(b->listener, direction);
    pthread_cond_broadcast(&b->changed);
}

void amq_hub_wake(struct Hub *hub)
{
    if (!hub->stopping)
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
    *parcel = (Parcel){.holders = 1, .envelope = envelope, .size = body->size};
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

static int make_part(Handle *h, anymq_msg *part, const void *data, size_t size)
{
    int result = h->ops->msg_init(h->sock, part, NULL, 0, data, size);
    part->flags = ANYMQ_MORE;
    return result;
}

void amq_parcel_let_go(Parcel *parcel)
{
    if (parcel != NULL && atomic_fetch_sub(&parcel->holders, 1) == 1)
        free(parcel);
}

/* Called by the library, by any thread. */
static void give_back(void *data, void *hint)
{
    (void)data;
    amq_parcel_let_go(hint);
}

/* The last part. A large one is lent: to copy it at each attempt while the peer takes nothing would keep
 * a processor busy. */
static int make_body(Handle *h, anymq_msg *part, Parcel *parcel)
{
    if (parcel->size < LEND || h->ops->msg_lend == NULL)
        return h->ops->msg_init(h->sock, part, NULL, 0, parcel->bytes, parcel->size);
    int result = h->ops->msg_lend(h->sock, part, parcel->bytes, parcel->size, give_back, parcel);
    if (result == ANYMQ_OK)
        atomic_fetch_add(&parcel->holders, 1);
    return result;
}

static int send_part(Handle *h, anymq_msg *part)
{
    int result = h->ops->try_send(h->sock, part);
    if (result == ANYMQ_AGAIN && h->traits & ANYMQ_EDGE && h->ops->events(h->sock) & ANYMQ_WRITABLE)
        result = h->ops->try_send(h->sock, part);
    return result;
}

/* All parts are made before the first is sent: without memory for one of them, what is sent next would
 * be taken for the rest. Once the first is taken, the library takes the others. */
int amq_hub_send(struct Hub *hub, const char *envelope, size_t envelope_size, Parcel *parcel)
{
    Handle *h = hub->h;
    anymq_msg parts[PARTS]; /* an envelope was taken from as many, or is a number */
    size_t made = 0, sent = 0;
    int result = ANYMQ_OK;
    amq_lock_raw(h);
    for (size_t at = 0; at < envelope_size && result == ANYMQ_OK;) {
        size_t size;
        memcpy(&size, envelope + at, sizeof size);
        result = make_part(h, &parts[made], envelope + at + sizeof size, size);
        made += result == ANYMQ_OK;
        at += sizeof size + size;
    }
    if (result == ANYMQ_OK && (result = make_part(h, &parts[made], "", 0)) == ANYMQ_OK)
        made++;
    if (result == ANYMQ_OK && (result = make_body(h, &parts[made], parcel)) == ANYMQ_OK)
        made++;
    while (sent < made && result == ANYMQ_OK && (result = send_part(h, &parts[sent])) == ANYMQ_OK)
        sent++;
    while (made > sent)
        h->ops->msg_release(h->sock, &parts[--made]);
    amq_unlock(h);
    if (result == ANYMQ_OK)
        hub->retry = RETRY_LEAST;
    return result;
}

/* Giving out what has come */

Parcel *amq_hub_next_request(struct Hub *hub)
{
    Parcel *parcel = hub->pending;
    if (parcel == NULL)
        return read_parcel(hub);
    hub->pending = parcel->next;
    return parcel;
}

/* A request goes back to be the next. */
void amq_branch_put_back(Branch *b)
{
    b->slot->next = b->hub->pending;
    b->hub->pending = b->slot;
    b->slot = NULL;
    amq_hub_wake(b->hub);
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
            amq_branch_notify(b, ANYMQ_READABLE);
        } else {
            free(parcel); /* nobody waits for it any more */
        }
    }
}

void amq_hub_give_out(struct Hub *hub)
{
    Branch *b;
    if (hub->asks) {
        give_out_replies(hub);
        return;
    }
    while ((b = who_waits(hub, ANYMQ_READABLE)) != NULL && (b->slot = amq_hub_next_request(hub)) != NULL)
        amq_branch_notify(b, ANYMQ_READABLE);
}

static void tell_senders(struct Hub *hub)
{
    for (Branch *b = hub->branches; b != NULL; b = b->next)
        if (b->waiting[ANYMQ_WRITABLE] > 0 || b->wanted & ANYMQ_WRITABLE)
            amq_branch_notify(b, ANYMQ_WRITABLE);
}

static void *run_pump(void *argument)
{
    struct Hub *hub = argument;
    Handle *h = hub->h;
    int64_t next = 0; /* look at whether it can be sent */
    pthread_mutex_lock(&hub->lock);
    while (!hub->stopping) {
        amq_hub_give_out(hub);
        bool reading = hub->asks || who_waits(hub, ANYMQ_READABLE) != NULL;
        amq_watch_want(h, &hub->link, reading ? ANYMQ_READABLE : 0);
        amq_lock_raw(h);
        int fd = h->ops->wait_fd(h->sock, ANYMQ_READABLE);
        int ready = h->ops->events(h->sock);
        amq_unlock(h);
        int64_t now = amq_now();
        bool sending = who_waits(hub, ANYMQ_WRITABLE) != NULL;
        if (sending && now >= next) {
            if (ready & ANYMQ_WRITABLE)
                tell_senders(hub);
            next = now + hub->retry;
            hub->retry = hub->retry * 2 > RETRY_MOST ? RETRY_MOST : hub->retry * 2;
        }
        if (reading && ready & ANYMQ_READABLE)
            continue;
        pthread_mutex_unlock(&hub->lock);
        amq_poll(reading ? fd : -1, hub->link.wake, sending ? next - now : FOREVER);
        amq_wake_clear(hub->link.wake);
        pthread_mutex_lock(&hub->lock);
    }
    pthread_mutex_unlock(&hub->lock);
    return NULL;
}

struct Hub *amq_hub_open(Handle *h, bool asks, int state_error)
{
    struct Hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return NULL;
    hub->h = h;
    hub->asks = asks;
    hub->state_error = state_error;
    hub->retry = RETRY_LEAST;
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
    amq_hub_let_go(hub);
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
        amq_branch_notify(b, ANYMQ_READABLE);
        amq_branch_notify(b, ANYMQ_WRITABLE);
    }
    pthread_mutex_unlock(&hub->lock);
    amq_wake_set(hub->link.wake);
    pthread_join(hub->pump, NULL);
    amq_watch_unlink(h, &hub->link);
    amq_wake_close(hub->link.wake);
    amq_hub_let_go(hub);
}

int amq_fail_hub(Handle *h)
{
    return amq_fail(h, amq_StateError,
                    "a %U socket that has contexts speaks through them alone on this library",
                    h->protocol);
}
