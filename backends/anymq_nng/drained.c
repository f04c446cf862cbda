/* Whether all that was sent has left this process.
 *
 * nng has no linger: closing drops what is queued. What can be known comes from its statistics:
 * the stream transports (tcp, ipc, tls) count a message for a pipe when the last of its bytes was
 * given to the system. What is due is counted here:
 *
 * - to one peer each (PUSH, PAIR, REQ): the sum over all pipes must reach what was sent. A pipe
 *   that is gone has left its last count behind; whether a message went down with it is not known,
 *   so a difference of one for each such pipe proves nothing.
 * - to the asker (REP, RESPONDENT): what was sent in reply to a live pipe's message.
 * - to all (PUB, BUS, SURVEYOR): all that was sent since a pipe came. A slow peer may have been
 *   passed over, so a difference proves nothing: while the counts move the answer is "not yet",
 *   later "unknown".
 *
 * ws and inproc count nothing, and some builds keep no statistics at all. With a single such peer
 * and no send buffer, nng's own "can send" says that the pipe has finished with the last message;
 * otherwise the answer is "unknown".
 */
#include "socket.h"

#include <poll.h>
#include <string.h>

enum { STILL_MOVING_MS = 250, ANSWER_GRACE_MS = 20 };
enum { ASK_LIBRARY = -100 }; /* between judge_one and its caller */

static uint64_t find_value(const nng_table *fn, const nng_stat *scope, const char *name, uint64_t preset)
{
    for (const nng_stat *stat = fn->stat_child(scope); stat != NULL; stat = fn->stat_next(stat))
        if (strcmp(fn->stat_name(stat), name) == 0)
            return fn->stat_value(stat);
    return preset;
}

/* Pipes are found wherever a version puts them: beside the sockets, or below them. */
static uint64_t pipe_sent(const nng_table *fn, const nng_stat *scope, uint32_t pipe)
{
    for (const nng_stat *stat = fn->stat_child(scope); stat != NULL; stat = fn->stat_next(stat)) {
        if (fn->stat_type(stat) != 0)
            continue;
        if (strcmp(fn->stat_name(stat), "pipe") == 0) {
            if (find_value(fn, stat, "id", 0) == pipe)
                return find_value(fn, stat, "tx_msgs", UINT64_MAX);
        } else {
            uint64_t found = pipe_sent(fn, stat, pipe);
            if (found != UINT64_MAX)
                return found;
        }
    }
    return UINT64_MAX;
}

/* Before 1.4, which brought nng_stat_bool, taking a snapshot and closing anything wait for each other
 * for ever when they meet: such statistics are left alone. */
nng_stat *anymq_nng_snapshot(anymq_nng_library *library)
{
    const nng_table *fn = &library->fn;
    nng_stat *root = NULL;

    if (fn->stats_get == NULL || fn->stats_free == NULL || fn->stat_child == NULL ||
        fn->stat_next == NULL || fn->stat_name == NULL || fn->stat_type == NULL ||
        fn->stat_value == NULL || fn->stat_bool == NULL || fn->stats_get(&root) != 0)
        return NULL;
    return root;
}

/* The statistics list pipes in about the order of the peers: the search goes on where it was. */
static nng_peer *find_peer(nng_pipes *pipes, uint32_t pipe, size_t *next)
{
    for (size_t i = 0; i < pipes->count; i++) {
        size_t at = (*next + i) % pipes->count;
        if (pipes->list[at].pipe == pipe) {
            *next = at + 1;
            return &pipes->list[at];
        }
    }
    return NULL;
}

static void read_pipes(const nng_table *fn, const nng_stat *scope, nng_pipes *pipes, size_t *next)
{
    for (const nng_stat *stat = fn->stat_child(scope); stat != NULL; stat = fn->stat_next(stat)) {
        if (fn->stat_type(stat) != 0)
            continue;
        if (strcmp(fn->stat_name(stat), "pipe") == 0) {
            nng_peer *peer = find_peer(pipes, (uint32_t)find_value(fn, stat, "id", 0), next);
            if (peer != NULL && peer->counted)
                peer->taken = find_value(fn, stat, "tx_msgs", UINT64_MAX);
        } else {
            read_pipes(fn, stat, pipes, next);
        }
    }
}

/* What each peer has taken, or UINT64_MAX: one walk for all of them. With the list locked. */
static void count_taken(anymq_nng_socket *s, const nng_stat *root)
{
    size_t next = 0;

    for (size_t i = 0; i < s->pipes.count; i++)
        s->pipes.list[i].taken = UINT64_MAX;
    if (root != NULL)
        read_pipes(&s->library->fn, root, &s->pipes, &next);
}

/* What all pipes have taken; `uncounted` tells how many do not say. With the list locked. */
static uint64_t total_sent(anymq_nng_socket *s, const nng_stat *root, int *uncounted)
{
    nng_pipes *pipes = &s->pipes;
    uint64_t total = pipes->gone_sent;

    count_taken(s, root);
    pipes->settled = 0;
    *uncounted = 0;
    for (size_t i = 0; i < pipes->count; i++) {
        if (pipes->list[i].taken == UINT64_MAX)
            *uncounted += 1;
        else
            total += pipes->list[i].taken;
    }
    return total;
}

/* Where nothing was sent since all had been taken, the counts of then are right: a thousand peers
 * that leave one after the other are not counted a thousand times. A peer can take a message and
 * leave before its sender is woken, so sends under way are among those that `begun` counts. */
nng_stat *anymq_nng_before_removal(anymq_nng_socket *s, uint64_t *begun)
{
    uint64_t settled;

    *begun = atomic_load(&s->sending); /* first: what ends meanwhile counts twice, not never */
    *begun += atomic_load(&s->sent);
    if (!(s->flags & NNG_TO_ONE) || *begun == 0)
        return NULL;
    pthread_mutex_lock(&s->pipes.lock);
    settled = s->pipes.settled;
    pthread_mutex_unlock(&s->pipes.lock);
    return *begun == settled ? NULL : anymq_nng_snapshot(s->library);
}

int anymq_nng_keeps_statistics_of(anymq_nng_socket *s, uint32_t pipe)
{
    nng_stat *root = anymq_nng_snapshot(s->library);
    int found = root == NULL || pipe_sent(&s->library->fn, root, pipe) != UINT64_MAX;

    anymq_nng_free_statistics(s, root);
    return found;
}

/* `posted` of those that were begun still stood in line after the snapshot, and are not lost. */
void anymq_nng_account_removal(anymq_nng_socket *s, nng_stat *root, uint64_t begun, uint64_t posted,
                               const nng_peer *peer)
{
    nng_pipes *pipes = &s->pipes;
    int uncounted;

    if (!(s->flags & NNG_TO_ONE) || begun == 0)
        return;
    if (root != NULL) {
        uint64_t total = total_sent(s, root, &uncounted);
        if (total + posted < begun)
            pipes->perhaps_lost++;
        else if (posted == 0 && uncounted == 0)
            pipes->settled = begun;
    } else if (pipes->settled == 0) {
        pipes->blind = 1; /* there are no statistics */
        return;
    } else if (pipes->settled != begun) {
        pipes->perhaps_lost++; /* it was so a moment ago */
    }
    if (!peer->counted || peer->taken == UINT64_MAX)
        pipes->blind = 1;
    else
        pipes->gone_sent += peer->taken;
}

void anymq_nng_free_statistics(anymq_nng_socket *s, nng_stat *root)
{
    if (root != NULL)
        s->library->fn.stats_free(root);
}

/* Whether a send would be taken at once. */
static int can_send(anymq_nng_socket *s)
{
    struct pollfd poller = {.events = POLLIN};

    poller.fd = anymq_nng_send_fd(s);
    if (poller.fd < 0)
        return ANYMQ_UNKNOWN;
    return poll(&poller, 1, 0) == 1;
}

static int send_buffer(anymq_nng_socket *s)
{
    int size = 0;

    if (s->library->fn.get_int[NNG_SOCKET] == NULL)
        return -1;
    return s->library->fn.get_int[NNG_SOCKET](s->id, "send-buffer", &size) == 0 ? size : 0;
}

/* Neither proved nor disproved: "not yet" while the counts still move. */
static int moving(anymq_nng_socket *s, uint64_t left)
{
    int64_t now = anymq_nng_clock_ms();

    if (left != s->progress || s->progress_ms == 0) {
        s->progress = left;
        s->progress_ms = now;
    }
    return now - s->progress_ms < STILL_MOVING_MS ? 0 : ANYMQ_UNKNOWN;
}

/* With the list locked. */
static int judge_one(anymq_nng_socket *s, const nng_stat *root, uint64_t sent)
{
    nng_pipes *pipes = &s->pipes;
    int uncounted;
    uint64_t total = total_sent(s, root, &uncounted);

    if (total >= sent)
        return 1;
    if (uncounted == 1 && pipes->count == 1)
        return ASK_LIBRARY;
    if (uncounted > 0 || pipes->blind)
        return ANYMQ_UNKNOWN;
    return sent - total <= pipes->perhaps_lost ? moving(s, sent - total) : 0;
}

/* With the list locked. */
static int judge_each(anymq_nng_socket *s, const nng_stat *root, uint64_t sent)
{
    nng_pipes *pipes = &s->pipes;
    uint64_t missing = 0;
    int uncounted = 0;

    count_taken(s, root);
    for (size_t i = 0; i < pipes->count; i++) {
        const nng_peer *peer = &pipes->list[i];
        uint64_t due = s->flags & NNG_TO_ALL ? sent - peer->due : peer->due;
        if (due == 0)
            continue;
        if (peer->taken == UINT64_MAX)
            uncounted++;
        else if (peer->taken < due)
            missing += due - peer->taken;
    }
    if (missing > 0)
        return s->flags & NNG_TO_ASKER ? 0 : moving(s, missing);
    return uncounted > 0 ? ANYMQ_UNKNOWN : 1;
}

int anymq_nng_drained(void *socket)
{
    anymq_nng_socket *s = socket;
    uint64_t sent = atomic_load(&s->sent);
    nng_stat *root;
    int result;

    if (sent == 0)
        return 1;
    if (!(s->flags & (NNG_TO_ONE | NNG_TO_ALL | NNG_TO_ASKER)))
        return ANYMQ_UNKNOWN;
    if (anymq_nng_posted(s) > 0 || atomic_load(&s->answers) > 0)
        return 0;
    root = anymq_nng_snapshot(s->library);
    pthread_mutex_lock(&s->pipes.lock);
    result = s->flags & NNG_TO_ONE ? judge_one(s, root, sent) : judge_each(s, root, sent);
    pthread_mutex_unlock(&s->pipes.lock);
    anymq_nng_free_statistics(s, root);
    if (result == ASK_LIBRARY)
        result = send_buffer(s) == 0 ? can_send(s) : ANYMQ_UNKNOWN;
    /* The engine gives what it saw the socket send a moment more; of its contexts it does not know. */
    if (result == ANYMQ_UNKNOWN && anymq_nng_clock_ms() - atomic_load(&s->answered_ms) < ANSWER_GRACE_MS)
        result = 0;
    return result;
}
