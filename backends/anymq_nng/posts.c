/* Sending without waiting for the connection, for event loops.
 *
 * A PUSH or PAIR takes the next message when the last one has been written, a moment later: a loop
 * that sends one after the other would have to sleep and be woken for every message. So from the
 * first time that a loop waits to send, a few messages may stand in line within nng while somebody
 * is connected; they go out in order and without anybody's help. Those that stand there when the last
 * peer goes are for the next one, and closing waits for them as for all that was sent.
 *
 * Whoever sends does so from then on, and waits for room in the line.
 */
#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* So many messages, or the first that makes it so many bytes. A loop is woken for several at once. */
enum { POSTS = 32, POST_BYTES = 65536, POSTS_LOW = POSTS / 2, POST_BYTES_LOW = POST_BYTES / 2 };

typedef struct nng_post {
    struct nng_post *next;
    anymq_nng_socket *socket;
    nng_aio *aio;
    size_t size;
} nng_post;

int anymq_nng_can_post(const anymq_nng_socket *s)
{
    return (s->flags & NNG_TO_ONE) && !(s->flags & (NNG_IS_RAW | NNG_IS_STATEFUL)) &&
           s->library->fn.pipe_notify != NULL;
}

static void taken(void *arg)
{
    nng_post *post = arg;
    anymq_nng_socket *s = post->socket;
    nng_posts *posts = &s->posts;
    const nng_table *fn = &s->library->fn;

    if (fn->aio_result(post->aio) != 0) { /* the socket was closed */
        fn->msg_free(fn->aio_get_msg(post->aio));
        fn->aio_set_msg(post->aio, NULL);
    }
    pthread_mutex_lock(&posts->lock);
    post->next = posts->spare;
    posts->spare = post;
    posts->bytes -= post->size;
    if (--posts->count <= POSTS_LOW && posts->bytes <= POST_BYTES_LOW)
        anymq_nng_ring(&posts->bell);
    if (posts->sleepers > 0)
        pthread_cond_broadcast(&posts->changed);
    pthread_mutex_unlock(&posts->lock);
}

/* With the lock held: is there room, and a peer to send to? The bell tells the same from now on. */
static int has_room(anymq_nng_socket *s)
{
    nng_posts *posts = &s->posts;
    int found = posts->spare != NULL && posts->bytes < POST_BYTES && atomic_load(&s->pipes.connected) > 0;

    if (!found)
        anymq_nng_unring(&posts->bell);
    return found;
}

static void release(anymq_nng_socket *s, nng_post *all)
{
    for (int i = 0; i < POSTS && all[i].aio != NULL; i++)
        s->library->fn.aio_free(all[i].aio);
    free(all);
}

/* With the socket's lock held. */
static int begin(anymq_nng_socket *s)
{
    const nng_table *fn = &s->library->fn;
    nng_posts *posts = &s->posts;
    nng_post *all = calloc(POSTS, sizeof *all);
    int rv = all == NULL ? NNG_ENOMEM : anymq_nng_bell_open(&posts->bell);

    for (int i = 0; i < POSTS && rv == 0; i++) {
        all[i].socket = s;
        all[i].next = i + 1 < POSTS ? &all[i + 1] : NULL;
        rv = fn->aio_alloc(&all[i].aio, taken, &all[i]);
        if (rv == 0)
            fn->aio_set_timeout(all[i].aio, NNG_DURATION_INFINITE);
    }
    if (rv != 0) {
        if (all != NULL)
            release(s, all);
        return rv;
    }
    pthread_mutex_init(&posts->lock, NULL);
    anymq_nng_condition_init(&posts->changed);
    posts->all = posts->spare = all;
    atomic_store(&posts->begun, 1);
    return 0;
}

int anymq_nng_post_fd(anymq_nng_socket *s)
{
    nng_posts *posts = &s->posts;
    int rv;

    pthread_mutex_lock(&s->lock);
    rv = atomic_load(&posts->begun) ? 0 : begin(s);
    pthread_mutex_unlock(&s->lock);
    if (rv != 0)
        return -1;
    pthread_mutex_lock(&posts->lock);
    if (has_room(s))
        anymq_nng_ring(&posts->bell);
    pthread_mutex_unlock(&posts->lock);
    return posts->bell.fd;
}

void anymq_nng_post_peer(anymq_nng_socket *s)
{
    if (!atomic_load(&s->posts.begun))
        return;
    pthread_mutex_lock(&s->posts.lock);
    anymq_nng_ring(&s->posts.bell);
    pthread_cond_broadcast(&s->posts.changed);
    pthread_mutex_unlock(&s->posts.lock);
}

void anymq_nng_posts_wake(anymq_nng_socket *s)
{
    if (!atomic_load(&s->posts.begun))
        return;
    pthread_mutex_lock(&s->posts.lock);
    pthread_cond_broadcast(&s->posts.changed);
    pthread_mutex_unlock(&s->posts.lock);
}

int anymq_nng_posted(anymq_nng_socket *s)
{
    int count = 0;

    if (atomic_load(&s->posts.begun)) {
        pthread_mutex_lock(&s->posts.lock);
        count = s->posts.count;
        pthread_mutex_unlock(&s->posts.lock);
    }
    return count;
}

static int attempt(anymq_nng_socket *s, anymq_msg *m)
{
    const nng_table *fn = &s->library->fn;
    nng_posts *posts = &s->posts;
    nng_post *post = NULL;

    if (anymq_nng_posted(s) == 0) {
        int result = anymq_nng_wait_send(s, m, 0);
        if (result != ANYMQ_AGAIN)
            return result;
    }
    pthread_mutex_lock(&posts->lock);
    if (has_room(s)) {
        post = posts->spare;
        posts->spare = post->next;
        posts->count++;
        posts->bytes += post->size = m->size;
    }
    pthread_mutex_unlock(&posts->lock);
    if (post == NULL)
        return ANYMQ_AGAIN;
    fn->aio_set_msg(post->aio, nng_message(m));
    anymq_nng_note_sent(s, m);
    *m = (anymq_msg){0};
    fn->send_aio(s->id, post->aio);
    return ANYMQ_OK;
}

/* Until there is room, or the time is over. */
static void sleep_until(anymq_nng_socket *s, int64_t deadline_ms)
{
    nng_posts *posts = &s->posts;
    struct timespec until = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    int rv = 0;

    pthread_mutex_lock(&posts->lock);
    posts->sleepers++;
    while (!has_room(s) && !atomic_load(&s->interrupted) && rv != ETIMEDOUT) {
        if (deadline_ms < 0)
            pthread_cond_wait(&posts->changed, &posts->lock);
        else
            rv = pthread_cond_timedwait(&posts->changed, &posts->lock, &until);
    }
    posts->sleepers--;
    pthread_mutex_unlock(&posts->lock);
}

int anymq_nng_post(anymq_nng_socket *s, anymq_msg *m, int timeout_ms)
{
    int64_t deadline = timeout_ms <= 0 ? timeout_ms : anymq_nng_clock_ms() + timeout_ms;

    for (;;) {
        int result = attempt(s, m);
        if (result != ANYMQ_AGAIN)
            return result;
        if (timeout_ms != 0 && atomic_load(&s->interrupted))
            return ANYMQ_INTERRUPTED;
        if (timeout_ms == 0 || (timeout_ms > 0 && anymq_nng_clock_ms() >= deadline))
            return ANYMQ_AGAIN;
        sleep_until(s, deadline);
    }
}

/* After the socket was closed. */
void anymq_nng_posts_free(anymq_nng_socket *s)
{
    nng_posts *posts = &s->posts;

    if (atomic_load(&posts->begun)) {
        for (int i = 0; i < POSTS; i++)
            s->library->fn.aio_wait(posts->all[i].aio);
        release(s, posts->all);
        pthread_cond_destroy(&posts->changed);
        pthread_mutex_destroy(&posts->lock);
    }
    anymq_nng_bell_close(&posts->bell);
}
