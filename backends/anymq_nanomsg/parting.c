/* Closing without taking away from ipc peers what they have not read yet.
 *
 * When a local socket is closed, its peer is told of the hang-up at once, though the kernel still
 * has data for it; nanomsg's reader then drops the connection with what it had not read. (Over tcp
 * the end comes behind the data.) A connection whose sending half alone is shut ends in order on
 * local sockets too: so the descriptors of the connections are duplicated before nn_close, the
 * duplicates' sending halves shut behind it, and they are held until the peer has hung up. Nobody
 * waits for that, except the end of the process, for the linger time at most.
 *
 * nanomsg does not tell its descriptors. Those of a socket are among the connections to or from the
 * paths that it bound or dialled, and they are the ones that nn_close closes.
 *
 * Depends on /proc/self/fd; where there is none, closing is what the library makes of it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "nanomsg.h"

#define MOST_HELD 256 /* then the oldest goes */

typedef struct held {
    struct held *next;
    int fd;
    int64_t deadline_ms; /* until when the end of the process waits */
} held;

struct anymq_nn_parting {
    struct anymq_nn_parting *next;
    int fd;
    ino_t inode;
    int duplicate;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static held *first_held; /* the newest first */
static pid_t owner;      /* the process that holds them: a fork's child does not wait */

static int64_t now_ms(void)
{
    return anymq_nn_now_ns() / 1000000;
}

static bool is_one_of(const anymq_nn_socket *s, const struct sockaddr_un *a, socklen_t size)
{
    size_t length = size > offsetof(struct sockaddr_un, sun_path)
                        ? size - offsetof(struct sockaddr_un, sun_path)
                        : 0;
    for (const anymq_nn_name *p = s->paths; p != NULL; p = p->next)
        if (strlen(p->text) == strnlen(a->sun_path, length) &&
            memcmp(p->text, a->sun_path, strlen(p->text)) == 0)
            return true;
    return false;
}

static bool is_connection_of(const anymq_nn_socket *s, int fd)
{
    struct sockaddr_un here, there;
    socklen_t here_size = sizeof(here), there_size = sizeof(there);
    if (getsockname(fd, (struct sockaddr *)&here, &here_size) != 0 ||
        here.sun_family != AF_UNIX ||
        getpeername(fd, (struct sockaddr *)&there, &there_size) != 0)
        return false;
    return is_one_of(s, &here, here_size) || is_one_of(s, &there, there_size);
}

anymq_nn_parting *anymq_nn_before_close(anymq_nn_socket *s)
{
    anymq_nn_parting *found = NULL;
    if (s->paths == NULL || __atomic_load_n(&s->sent, __ATOMIC_ACQUIRE) == 0)
        return NULL;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return NULL;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct stat about;
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fstat(fd, &about) != 0 || !S_ISSOCK(about.st_mode) ||
            !is_connection_of(s, fd))
            continue;
        anymq_nn_parting *p = malloc(sizeof(*p));
        int duplicate = p != NULL ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
        if (duplicate < 0) {
            free(p);
            continue;
        }
        *p = (anymq_nn_parting){found, fd, about.st_ino, duplicate};
        found = p;
    }
    closedir(folder);
    return found;
}

static bool hung_up(int fd)
{
    struct pollfd p = {fd, 0, 0};
    return poll(&p, 1, 0) != 0;
}

/* With the lock held. */
static void release_where_done(int most)
{
    int kept = 0;
    for (held **link = &first_held; *link != NULL;) {
        held *h = *link;
        if (kept < most && !hung_up(h->fd)) {
            kept++;
            link = &h->next;
            continue;
        }
        *link = h->next;
        close(h->fd);
        free(h);
    }
}

void anymq_nn_release_held(void)
{
    if (__atomic_load_n(&first_held, __ATOMIC_RELAXED) == NULL)
        return;
    pthread_mutex_lock(&lock);
    release_where_done(MOST_HELD);
    pthread_mutex_unlock(&lock);
}

void anymq_nn_after_close(anymq_nn_parting *parting, int64_t linger_ms)
{
    while (parting != NULL) {
        anymq_nn_parting *p = parting;
        struct stat about;
        parting = p->next;
        bool was_ours = fstat(p->fd, &about) != 0 || about.st_ino != p->inode;
        held *h = was_ours ? malloc(sizeof(*h)) : NULL;
        if (h != NULL && shutdown(p->duplicate, SHUT_WR) == 0) {
            h->fd = p->duplicate;
            h->deadline_ms = linger_ms < 0 ? INT64_MAX : now_ms() + linger_ms;
            pthread_mutex_lock(&lock);
            owner = getpid();
            h->next = first_held;
            first_held = h;
            pthread_mutex_unlock(&lock);
        } else {
            free(h);
            close(p->duplicate);
        }
        free(p);
    }
}

/* The end of the process hangs up on everybody. */
__attribute__((destructor)) static void wait_at_exit(void)
{
    if (owner != getpid())
        return;
    for (;;) {
        release_where_done(MOST_HELD);
        int64_t left = 0, now = now_ms();
        struct pollfd fds[MOST_HELD];
        nfds_t n = 0;
        for (const held *h = first_held; h != NULL && n < MOST_HELD; h = h->next) {
            if (h->deadline_ms <= now)
                continue;
            if (h->deadline_ms - now > left)
                left = h->deadline_ms - now;
            fds[n++] = (struct pollfd){h->fd, 0, 0};
        }
        if (n == 0)
            return;
        int ms = left > 1000 ? 1000 : (int)left;
        if (poll(fds, n, ms) < 0 && errno != EINTR)
            return;
    }
}
