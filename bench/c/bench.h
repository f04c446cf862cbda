/* What the C programs share: arguments, the clock, loading functions, and what they print.
 *
 *     PROGRAM LIBRARY recv|send URL COUNT SIZE
 *
 * The receiver prints "ready" once it listens. The sender sends COUNT + 1 messages. The receiver
 * takes the time from the first to the last and prints "measured COUNT SECONDS". Both end when
 * their standard input is closed.
 */
#ifndef BENCH_H
#define BENCH_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    void *library;
    int receives;
    const char *url;
    long count;
    size_t size;
    char *body;
} bench_task;

static void bench_die(const char *what, int code)
{
    fprintf(stderr, "%s failed: %d\n", what, code);
    exit(1);
}

static void *bench_symbol(const bench_task *task, const char *name)
{
    void *symbol = dlsym(task->library, name);
    if (symbol == NULL) {
        fprintf(stderr, "the library has no %s\n", name);
        exit(1);
    }
    return symbol;
}

static bench_task bench_start(int argc, char **argv)
{
    bench_task task;
    if (argc != 6) {
        fprintf(stderr, "usage: %s LIBRARY recv|send URL COUNT SIZE\n", argv[0]);
        exit(2);
    }
    task.library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (task.library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    task.receives = strcmp(argv[2], "recv") == 0;
    task.url = argv[3];
    task.count = atol(argv[4]);
    task.size = (size_t)atol(argv[5]);
    task.body = calloc(1, task.size + 1);
    if (task.body == NULL)
        exit(1);
    return task;
}

static double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void bench_ready(void)
{
    puts("ready");
    fflush(stdout);
}

static void bench_measured(long count, double seconds)
{
    printf("measured %ld %.9f\n", count, seconds);
    fflush(stdout);
}

static void bench_wait_for_end(void)
{
    while (getchar() != EOF)
        continue;
}

#endif
