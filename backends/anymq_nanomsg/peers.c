/* Peers and their coming and going, from the statistics: nanomsg has no events of its own.
 *
 * A connection is counted as established or accepted when the transport connects, as current when
 * the protocols have agreed, and as broken or dropped when it ends, whether it ever became current
 * or not. So a rise of current is a peer that came, a fall is one that went, and an end without a
 * fall is a connection that the handshake refused.
 */
#include <string.h>
#include <time.h>

#include "nanomsg.h"

#define NS_PER_S INT64_C(1000000000)

/* Two looks nearer than this see every peer that stayed for longer than a handshake. */
#define NEAR_NS INT64_C(50000000)

static const int32_t KINDS[] = {ANYMQ_EV_REFUSED, ANYMQ_EV_CONNECTED, ANYMQ_EV_HANDSHAKE_FAILED,
                                ANYMQ_EV_DISCONNECTED};
enum { REFUSED, CONNECTED, HANDSHAKE_FAILED, DISCONNECTED, N_KINDS };

uint64_t anymq_nn_statistic(const anymq_nn_socket *s, int which)
{
    if (s->lib->nn_get_statistic == NULL)
        return 0;
    uint64_t value = s->lib->nn_get_statistic(s->s, which);
    return value == UINT64_MAX ? 0 : value;
}

int64_t anymq_nn_connected(const anymq_nn_socket *s)
{
    return (int64_t)anymq_nn_statistic(s, s->lib->k.k_NN_STAT_CURRENT_CONNECTIONS);
}

uint64_t anymq_nn_ended(const anymq_nn_socket *s)
{
    return anymq_nn_statistic(s, s->lib->k.k_NN_STAT_BROKEN_CONNECTIONS) +
           anymq_nn_statistic(s, s->lib->k.k_NN_STAT_DROPPED_CONNECTIONS);
}

int anymq_nn_peers(void *sock, uint32_t endpoint)
{
    (void)endpoint; /* the library counts per socket only */
    int64_t n = anymq_nn_connected(sock);
    return n < 0 ? 0 : (int)n;
}

int anymq_nn_peer_fd(void *sock)
{
    (void)sock;
    return -1;
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t anymq_nn_now_ns(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

static void look(anymq_nn_socket *s, anymq_nn_watch *w)
{
    int64_t now = anymq_nn_now_ns();
    /* Read the ends first: the library counts the fall of current before the end. */
    uint64_t ended = anymq_nn_ended(s);
    uint64_t refused = anymq_nn_statistic(s, s->lib->k.k_NN_STAT_CONNECT_ERRORS);
    int64_t current = anymq_nn_connected(s);
    int64_t rise = current - w->current;
    if (rise > 0)
        w->pending[CONNECTED] += (uint64_t)rise;
    if (rise < 0) {
        w->pending[DISCONNECTED] += (uint64_t)-rise;
        w->owed += -rise;
    }
    w->owed -= (int64_t)(ended - w->ended);
    if (w->owed < 0) {
        uint64_t unseen = (uint64_t)-w->owed;
        w->owed = 0;
        if (w->started && now - w->looked_ns < NEAR_NS) {
            w->pending[HANDSHAKE_FAILED] += unseen;
        } else { /* too long ago to tell: peers may have come and gone */
            w->pending[CONNECTED] += unseen;
            w->pending[DISCONNECTED] += unseen;
        }
    }
    w->pending[REFUSED] += refused - w->refused;
    w->ended = ended;
    w->refused = refused;
    w->current = current;
    w->looked_ns = now;
    w->started = true;
}

int anymq_nn_next_event(void *sock, anymq_event *e)
{
    anymq_nn_socket *s = sock;
    anymq_nn_watch *w = &s->watch;
    int found = 0;
    pthread_mutex_lock(&s->lock);
    for (int again = 0; again < 2 && !found; again++) {
        for (int i = 0; i < N_KINDS && !found; i++) {
            if (w->pending[i] == 0)
                continue;
            w->pending[i]--;
            memset(e, 0, sizeof(*e));
            e->kind = KINDS[i];
            e->time_ns = now_ns(CLOCK_REALTIME);
            found = 1;
        }
        if (!found && !again)
            look(s, w);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}
