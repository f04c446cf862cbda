/* Ending connections before nng does, because older versions can hang for ever when they do it.
 *
 * Up to 1.10 (seen in 1.5.2: a PULL, SUB or PAIR that is closed while messages arrive, one time in
 * a few), nng stops a connection's operations while the callback of one may be pending; the callback
 * then cannot begin the next, nobody completes the message, and nng_close waits for it, and with it
 * nng's only clean-up thread, so that every later close waits too. A connection that ends by itself
 * takes another way, which has no such gap.
 *
 * So the connections are shut down here, as nng would, and nng is left to notice that they ended.
 * It does not tell their descriptors: they are found among those of the process by their addresses.
 * A descriptor is duplicated before it is looked at, so that what is shut down is what was looked at.
 * Where a connection cannot be told from somebody else's it is left alone, and so are those of ws,
 * which is another matter in nng.
 */
#include "socket.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { NOTICE_ROUNDS = 200, DISCARD_AFTER = 2, MAX_PIPES = 64, MAX_DONE = 256, LOOKS = 8 };
/* How long nothing must have arrived. */
enum { QUIET_MS = 20, MAX_SAMPLES = 60, LOCAL_SAMPLES = 40, GREETING = 8 };

/* The two ends of a connection, in the system's form. Of a local socket the end that dialled has no
 * name, so that several connections can look alike. */
typedef struct {
    uint32_t pipe;
    struct sockaddr_storage mine, other;
    int dialled;
    int fd;       /* a duplicate, -1 until found */
    int doubtful; /* there are more like it than are ours */
    uint64_t arrived; /* over tcp, bytes */
    int busy;         /* something arrives */
} connection;

static void to_system(const nng_address *from, struct sockaddr_storage *to)
{
    memset(to, 0, sizeof *to);
    if (from->family == NNG_AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)to;
        in->sin_family = AF_INET;
        in->sin_port = from->in.port;
        in->sin_addr.s_addr = from->in.addr;
    } else if (from->family == NNG_AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = from->in6_v1.port;
        memcpy(&in6->sin6_addr, from->in6_v1.addr, 16);
    } else {
        struct sockaddr_un *un = (struct sockaddr_un *)to;
        un->sun_family = AF_UNIX;
        if (from->family == NNG_AF_IPC)
            memcpy(un->sun_path, from->name.text, sizeof un->sun_path - 1);
        else if (from->family == NNG_AF_ABSTRACT && from->abstract.size < sizeof un->sun_path)
            memcpy(un->sun_path + 1, from->abstract.text, from->abstract.size);
    }
}

static int same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return 0;
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *x = (const void *)a, *y = (const void *)b;
        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;
        return x->sin6_port == y->sin6_port && memcmp(&x->sin6_addr, &y->sin6_addr, 16) == 0;
    }
    return a->ss_family == AF_UNIX && memcmp(((const struct sockaddr_un *)a)->sun_path,
                                             ((const struct sockaddr_un *)b)->sun_path,
                                             sizeof(((struct sockaddr_un *)0)->sun_path)) == 0;
}

static size_t collect(anymq_nng_socket *s, uint32_t endpoint, connection *list, size_t room,
                      const uint32_t *done, size_t done_count)
{
    const nng_table *fn = &s->library->fn;
    nng_address mine, other;
    size_t count = 0, kept = 0;

    pthread_mutex_lock(&s->pipes.lock);
    for (size_t i = 0; i < s->pipes.count && count < room; i++) {
        const nng_peer *peer = &s->pipes.list[i];
        size_t known = 0;
        while (known < done_count && done[known] != peer->pipe)
            known++;
        if (known == done_count && peer->counted && (endpoint == 0 || peer->endpoint == endpoint))
            list[count++] = (connection){
                .pipe = peer->pipe,
                .dialled = (peer->endpoint & NNG_LISTENER_BIT) == 0,
                .fd = -1,
            };
    }
    pthread_mutex_unlock(&s->pipes.lock);
    for (size_t i = 0; i < count; i++) {
        nng_handle pipe = {list[i].pipe};
        connection c = list[i];
        memset(&mine, 0, sizeof mine);
        memset(&other, 0, sizeof other);
        if (fn->pipe_get_addr(pipe, "local-address", &mine) != 0 ||
            fn->pipe_get_addr(pipe, "remote-address", &other) != 0 || mine.family == NNG_AF_INPROC)
            continue;
        if (mine.family == NNG_AF_IPC || mine.family == NNG_AF_ABSTRACT) {
            /* nng gives both ends the listener's name */
            nng_address *nameless = c.dialled ? &mine : &other;
            memset(nameless, 0, sizeof *nameless);
        }
        to_system(&mine, &c.mine);
        to_system(&other, &c.other);
        list[kept++] = c;
    }
    return kept;
}

/* Whether `fd` is a connection of the list: the first that has none yet of those with its ends. */
static connection *match(int fd, connection *list, size_t count)
{
    struct sockaddr_storage mine, other;
    socklen_t size = sizeof mine;
    connection *known = NULL, *free_one = NULL;
    struct pollfd ended = {.fd = fd, .events = POLLRDHUP};

    memset(&mine, 0, sizeof mine);
    memset(&other, 0, sizeof other);
    if (getsockname(fd, (struct sockaddr *)&mine, &size) != 0)
        return NULL;
    size = sizeof other;
    if (getpeername(fd, (struct sockaddr *)&other, &size) != 0)
        return NULL;
    if (mine.ss_family == AF_UNIX && poll(&ended, 1, 0) == 1)
        return NULL; /* one that nng has not closed yet, and that looks like its successor */
    for (size_t i = 0; i < count; i++) {
        if (!same(&mine, &list[i].mine) || !same(&other, &list[i].other))
            continue;
        known = &list[i];
        if (list[i].fd < 0 && free_one == NULL)
            free_one = &list[i];
    }
    if (known != NULL && free_one == NULL && known->dialled)
        for (size_t i = 0; i < count; i++)
            if (same(&known->other, &list[i].other) && same(&known->mine, &list[i].mine))
                list[i].doubtful = 1;
    return free_one;
}

static void find_descriptors(connection *list, size_t count)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;

    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL) {
        struct sockaddr_storage name;
        socklen_t size = sizeof name;
        char *end;
        long number = strtol(entry->d_name, &end, 10);
        connection *c;
        int copy;
        if (*end != '\0' || end == entry->d_name ||
            getsockname((int)number, (struct sockaddr *)&name, &size) != 0)
            continue;
        copy = fcntl((int)number, F_DUPFD_CLOEXEC, 0);
        if (copy < 0)
            continue;
        c = match(copy, list, count);
        if (c != NULL) {
            c->fd = copy;
        } else {
            close(copy);
        }
    }
    closedir(folder);
}

static int still_there(anymq_nng_socket *s, const connection *list, size_t count)
{
    int found = 0;

    pthread_mutex_lock(&s->pipes.lock);
    for (size_t i = 0; i < count && !found; i++)
        for (size_t j = 0; list[i].fd >= 0 && j < s->pipes.count && !found; j++)
            found = s->pipes.list[j].pipe == list[i].pipe;
    pthread_mutex_unlock(&s->pipes.lock);
    return found;
}

/* What has arrived and nobody will receive; without this nng first reads it all. */
static void discard(connection *list, size_t count)
{
    char bin[16384];

    for (size_t i = 0; i < count; i++)
        while (list[i].fd >= 0 && recv(list[i].fd, bin, sizeof bin, MSG_DONTWAIT) > 0)
            ;
}

static int unread(int fd)
{
    int size = 0;
    return ioctl(fd, FIONREAD, &size) == 0 ? size : 0;
}

/* Whether something came since the last look, and whether more may be on its way: tcp tells when the
 * last of it arrived. A sender on a busy machine can be without a processor for some milliseconds, and
 * have it again in the middle of nng_close. */
static int watch(connection *c, int sample)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    int came;

    memset(&info, 0, sizeof info);
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        c->busy = unread(c->fd) > 0;
        return sample < LOCAL_SAMPLES;
    }
    came = sample > 0 && info.tcpi_bytes_received != c->arrived;
    c->arrived = info.tcpi_bytes_received;
    c->busy = came || unread(c->fd) > 0;
    return c->arrived > GREETING && info.tcpi_last_data_recv < QUIET_MS;
}

/* Where nothing arrives there is nothing to fear, and a connection that is ended would only be dialled
 * again. What nng has not read yet is enough: its thread may be at it. */
static void find_busy(const anymq_nng_socket *s, connection *list, size_t count)
{
    struct timespec moment = {0, 500000};
    int streams = s->flags & NNG_TAKES_STREAMS, look_again = 1;

    for (int sample = 0; sample < MAX_SAMPLES && look_again; sample++) {
        if (sample > 0)
            nanosleep(&moment, NULL);
        look_again = sample == 0;
        for (size_t i = 0; i < count; i++)
            if (list[i].fd >= 0 && !list[i].busy && watch(&list[i], sample) && !list[i].busy)
                look_again |= streams;
    }
}

/* One look at who is connected; how many connections were shut down. Peers may dial again at once,
 * so there can be more the next time. */
static size_t hang_up_once(anymq_nng_socket *s, uint32_t endpoint, uint32_t *done, size_t *done_count)
{
    struct timespec moment = {0, 250000};
    connection list[MAX_PIPES];
    size_t count = collect(s, endpoint, list, MAX_PIPES, done, *done_count), ended = 0;

    if (count == 0)
        return 0;
    find_descriptors(list, count);
    find_busy(s, list, count);
    for (size_t i = 0; i < count; i++) {
        if (*done_count < MAX_DONE)
            done[(*done_count)++] = list[i].pipe;
        if (list[i].fd >= 0 && (list[i].doubtful || !list[i].busy)) {
            close(list[i].fd);
            list[i].fd = -1;
        } else if (list[i].fd >= 0) {
            shutdown(list[i].fd, SHUT_RDWR);
            ended++;
        }
    }
    /* Where the program does not receive, nng soon does not read, and does not notice the end: then
     * nothing is under way any more. */
    for (int round = 0; round < NOTICE_ROUNDS && still_there(s, list, count); round++) {
        nanosleep(&moment, NULL);
        if (round >= DISCARD_AFTER)
            discard(list, count);
    }
    for (size_t i = 0; i < count; i++)
        if (list[i].fd >= 0)
            close(list[i].fd);
    return ended;
}

void anymq_nng_hang_up(anymq_nng_socket *s, uint32_t endpoint)
{
    uint32_t done[MAX_DONE];
    size_t done_count = 0;

    if (!s->library->hangs || s->library->fn.pipe_get_addr == NULL)
        return;
    for (int round = 0; round < LOOKS; round++)
        if (hang_up_once(s, endpoint, done, &done_count) == 0)
            break;
}
