/* The work that is measured, the same for each library; peers/works.py does the same in Python.
 *
 *     PROGRAM LIBRARY measure|feed|both URL LEAST SIZE WORK SECONDS PEERS
 *
 * WORK is stream (PUSH to PULL), trips (REQ to REP and back), publish (PUB to as many SUB), open_close,
 * single (one message, sent when the program is told to on its standard input) or threads (stream from
 * as many threads as BENCH_THREADS says, which share PEERS sockets out among themselves).
 *
 * `feed` sends, answers or publishes until it is killed. `measure` prints "ready" when it is open,
 * "started" after a warm-up, and "measured COUNT SECONDS" when SECONDS are over and at least LEAST
 * messages were counted. `both` is one process with a thread for each, over inproc.
 *
 * Threads feed until a line is read; "sent COUNT" is printed then, after each socket has sent one message
 * that says so. Who measures goes on after its figures until it has these, and prints "received COUNT".
 *
 * The file that includes this one defines the type `port` and, on it, the seven operations below.
 */
#ifndef WORKS_H
#define WORKS_H

#include "bench.h"

#include <pthread.h>
#include <unistd.h>

enum { PUSH, PULL, REQ, REP, PUB, SUB, PROTOCOLS };

static void ports_load(const bench_task *task);
static port port_open(int protocol);
static void port_listen(port self, const char *url);
static void port_dial(port self, const char *url);
static void port_send(port self, const void *body, size_t size);
static void port_recv(port self, void *body, size_t size);
static void port_close(port self);

#define MOST_PEERS 256
#define WINDOW 100 /* messages that a publisher sends before everybody has to have them */
#define TICK 0.01  /* seconds: the clock is read about that often */
#define PROBE 'p'
#define BODY 'm'
#define END 'e'   /* the last message of a socket that threads sent on */
#define BURST 100 /* messages that a thread sends before it looks whether it is to stop */

static bench_task task;
static port mine, theirs, acks_in, acks_out, subscribers[MOST_PEERS], shared[MOST_PEERS];
static char *sent, *got, acks_url[256];
static int peers, publishes, trips, opens, single, threads, probing = 1;

static void open_feeder(void)
{
    int i;
    if (publishes) {
        theirs = port_open(PUB);
        port_listen(theirs, task.url);
        acks_in = port_open(PULL);
        port_listen(acks_in, acks_url);
    } else if (threads) {
        for (i = 0; i < peers; i++) {
            shared[i] = port_open(PUSH);
            port_dial(shared[i], task.url);
        }
    } else if (!opens) {
        theirs = port_open(trips ? REP : PUSH);
        port_dial(theirs, task.url);
    }
}

static void open_measurer(void)
{
    int i;
    if (publishes) {
        for (i = 0; i < peers; i++) {
            subscribers[i] = port_open(SUB);
            port_dial(subscribers[i], task.url);
        }
        acks_out = port_open(PUSH);
        port_dial(acks_out, acks_url);
    } else if (!opens) {
        mine = port_open(trips ? REQ : PULL);
        port_listen(mine, task.url);
    }
}

static volatile int everybody_is_here;

static void *wait_for_everybody(void *unused)
{
    char ack;
    (void)unused;
    port_recv(acks_in, &ack, 1);
    everybody_is_here = 1;
    return NULL;
}

static void publish(void)
{
    pthread_t waiter;
    char ack;
    int i;
    pthread_create(&waiter, NULL, wait_for_everybody, NULL);
    sent[0] = PROBE;
    while (!everybody_is_here) {
        port_send(theirs, sent, task.size);
        usleep(20000);
    }
    pthread_join(waiter, NULL);
    sent[0] = BODY;
    for (;;) {
        for (i = 0; i < WINDOW; i++)
            port_send(theirs, sent, task.size);
        port_recv(acks_in, &ack, 1);
    }
}

static volatile int told_to_stop;

/* Returns how many it sent. */
static void *send_until_told(void *number)
{
    port self = shared[(long)number % peers];
    long count;
    int i;
    for (count = 0; !told_to_stop; count += BURST)
        for (i = 0; i < BURST; i++)
            port_send(self, sent, task.size);
    return (void *)count;
}

static void feed_from_threads(void)
{
    pthread_t senders[MOST_PEERS];
    void *count;
    long i, total = 0;
    for (i = 0; i < threads; i++)
        pthread_create(&senders[i], NULL, send_until_told, (void *)i);
    getchar();
    told_to_stop = 1;
    for (i = 0; i < threads; i++) {
        pthread_join(senders[i], &count);
        total += (long)count;
    }
    sent[0] = END;
    for (i = 0; i < peers; i++)
        port_send(shared[i], sent, task.size);
    printf("sent %ld\n", total);
    fflush(stdout);
    pause();
}

static void *feed(void *unused)
{
    char *reply = malloc(task.size + 1);
    (void)unused;
    if (publishes)
        publish();
    if (threads)
        feed_from_threads();
    if (single) {
        getchar();
        port_send(theirs, sent, task.size);
        pause();
    }
    while (!opens) {
        if (trips)
            port_recv(theirs, reply, task.size);
        port_send(theirs, sent, task.size);
    }
    return NULL;
}

static long receive_windows(long count)
{
    long done;
    int i, k;
    for (done = 0; done < count; done += WINDOW) {
        for (i = 0; i < peers; i++)
            for (k = 0; k < WINDOW; k++)
                do
                    port_recv(subscribers[i], got, task.size);
                while (probing && got[0] == PROBE);
        probing = 0;
        port_send(acks_out, "a", 1);
    }
    return done;
}

static long work(long count)
{
    long i;
    if (publishes)
        return receive_windows(count);
    for (i = 0; i < count; i++) {
        if (opens) {
            port_close(port_open(PUSH));
            continue;
        }
        if (trips)
            port_send(mine, sent, task.size);
        port_recv(mine, got, task.size);
    }
    return count;
}

static void count_the_rest(long done)
{
    int ended = 0;
    while (ended < peers) {
        port_recv(mine, got, task.size);
        if (got[0] == END)
            ended++;
        else
            done++;
    }
    printf("received %ld\n", done);
    fflush(stdout);
}

static void measure(double seconds)
{
    double started, took, warm = 0, enough = seconds / 5 > 0.05 ? seconds / 5 : 0.05;
    long chunk = 1, before = 0, done = 0;
    int i;
    if (publishes) { /* everybody subscribed when everybody has a probe */
        for (i = 0; i < peers; i++)
            port_recv(subscribers[i], got, task.size);
        port_send(acks_out, "a", 1);
    }
    while (warm < enough && !single) {
        started = bench_now();
        before += work(chunk);
        took = bench_now() - started;
        warm += took;
        if (took < TICK)
            chunk *= 2;
    }
    puts("started");
    fflush(stdout);
    started = bench_now();
    do {
        done += work(chunk);
        took = bench_now() - started;
    } while (took < seconds || done < task.count);
    printf("measured %ld %.9f\n", done, took);
    fflush(stdout);
    if (threads)
        count_the_rest(before + done);
}

int main(int argc, char **argv)
{
    pthread_t feeder;
    int feeds, measures;
    task = bench_start(argc, argv);
    if (argc != 9) {
        fprintf(stderr, "usage: %s LIBRARY ROLE URL LEAST SIZE WORK SECONDS PEERS\n", argv[0]);
        return 2;
    }
    feeds = strcmp(argv[2], "measure") != 0;
    measures = strcmp(argv[2], "feed") != 0;
    trips = strcmp(argv[6], "trips") == 0;
    publishes = strcmp(argv[6], "publish") == 0;
    single = strcmp(argv[6], "single") == 0;
    opens = strcmp(argv[6], "open_close") == 0;
    if (strcmp(argv[6], "threads") == 0)
        threads = atoi(getenv("BENCH_THREADS") ? getenv("BENCH_THREADS") : "1");
    peers = atoi(argv[8]);
    if (peers < 1 || peers > MOST_PEERS)
        bench_die("so many peers", peers);
    if (threads < 0 || threads > MOST_PEERS)
        bench_die("so many threads", threads);
    snprintf(acks_url, sizeof acks_url, "%s", getenv("BENCH_ACKS") ? getenv("BENCH_ACKS") : "");
    sent = task.body;
    got = malloc(task.size + 1);
    bench_end_with_parent();
    ports_load(&task);
    if (publishes && feeds)
        open_feeder();
    if (measures)
        open_measurer();
    if (!publishes && feeds)
        open_feeder();
    bench_ready();
    if (feeds && measures)
        pthread_create(&feeder, NULL, feed, NULL);
    if (!measures)
        feed(NULL);
    measure(atof(argv[7]));
    while (getchar() != EOF) /* who looks at this process kills it then */
        continue;
    return 0;
}

#endif
