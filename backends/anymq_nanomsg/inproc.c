/* Whether what was sent over inproc has been received.
 *
 * Over inproc a message waits in the queue of the peer, which drops it when the sender is closed.
 * But the peer is in this process: it has nothing left when its NN_RCVFD is not readable. nanomsg
 * queues a message for the peer, and makes its descriptor readable, before nn_sendmsg returns; what
 * does not fit follows as soon as the peer receives, so that the descriptor stays readable.
 */
#include <string.h>

#include "nanomsg.h"

/* A peer that has received nothing for so long is not waited for. */
#define PATIENCE_NS INT64_C(100000000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static anymq_nn_socket *first;

void anymq_nn_inproc_add(anymq_nn_socket *s, anymq_nn_name *name)
{
    pthread_mutex_lock(&lock);
    if (s->names == NULL) {
        s->next_inproc = first;
        first = s;
    }
    name->next = s->names;
    s->names = name;
    pthread_mutex_unlock(&lock);
}

/* From now on its descriptors are not to be looked at. */
void anymq_nn_inproc_leave(anymq_nn_socket *s)
{
    pthread_mutex_lock(&lock);
    s->leaving = true;
    pthread_mutex_unlock(&lock);
}

/* Whether `s`, a PAIR, may get a second connection by listening at or dialling `name`, or has one
 * already that another endpoint would add to: 1.0 ends the process when that happens. */
bool anymq_nn_inproc_crowded(const anymq_nn_socket *s, const char *name)
{
    int others = 0;
    pthread_mutex_lock(&lock);
    for (const anymq_nn_socket *p = first; p != NULL; p = p->next_inproc)
        for (const anymq_nn_name *n = p->names; n != NULL; n = n->next)
            others += p->lib == s->lib && strcmp(n->text, name) == 0;
    bool busy = s->names != NULL;
    pthread_mutex_unlock(&lock);
    return busy || (name[0] != '\0' && (others > 1 || __atomic_load_n(&s->others, __ATOMIC_RELAXED)));
}

void anymq_nn_inproc_remove(anymq_nn_socket *s)
{
    pthread_mutex_lock(&lock);
    for (anymq_nn_socket **link = &first; *link != NULL; link = &(*link)->next_inproc) {
        if (*link == s) {
            *link = s->next_inproc;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

static bool share_a_name(const anymq_nn_socket *a, const anymq_nn_socket *b)
{
    if (a->lib->dl != b->lib->dl)
        return false; /* inproc does not cross libraries */
    for (const anymq_nn_name *m = a->names; m != NULL; m = m->next)
        for (const anymq_nn_name *n = b->names; n != NULL; n = n->next)
            if (strcmp(m->text, n->text) == 0)
                return true;
    return false;
}

/* 1: every possible peer has received all that it was sent. 0: not yet, but they are at it.
 * ANYMQ_UNKNOWN: nobody receives, or no peer is known. */
int anymq_nn_inproc_taken(anymq_nn_socket *s)
{
    int peers = 0, waiting = 0;
    uint64_t taken = 0;
    int64_t now = anymq_nn_now_ns();
    pthread_mutex_lock(&lock);
    for (const anymq_nn_socket *p = first; p != NULL; p = p->next_inproc) {
        if (p == s || p->leaving || p->recv_fd < 0 || !share_a_name(s, p))
            continue;
        peers++;
        waiting += anymq_nn_readable(p->recv_fd);
        taken += anymq_nn_statistic(p, p->lib->k.k_NN_STAT_MESSAGES_RECEIVED);
    }
    if (taken != s->taken || s->taken_ns == 0) {
        s->taken = taken;
        s->taken_ns = now;
    }
    bool at_it = now - s->taken_ns < PATIENCE_NS;
    pthread_mutex_unlock(&lock);
    if (peers == 0)
        return ANYMQ_UNKNOWN;
    if (waiting == 0)
        return 1;
    return at_it ? 0 : ANYMQ_UNKNOWN;
}
