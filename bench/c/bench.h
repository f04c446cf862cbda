/* What the C programs share: arguments, the clock, loading functions, and what they print.
 *
 *     PROGRAM LIBRARY rep|pull URL 0 SIZE
 *
 * is a server for a crowd (crowd_*.c): it prints "ready" once it listens, and "served" for each
 * message that it received, on REP also answered. It ends with the process that started it. The
 * programs that measure are told of in works.h.
 *
 * A library inside an extension module of Python needs names of the interpreter that it will never
 * use here. The file named in BENCH_STUBS has them.
 */
#ifndef BENCH_H
#define BENCH_H

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

typedef struct {
    void *library;
    int replies;
    const char *url;
    long count;
    size_t size;
    char *body;
} bench_task;

static inline void bench_die(const char *what, int code)
{
    fprintf(stderr, "%s failed: %d\n", what, code);
    exit(1);
}

static inline void *bench_symbol(const bench_task *task, const char *name)
{
    void *symbol = dlsym(task->library, name);
    if (symbol == NULL) {
        fprintf(stderr, "the library has no %s\n", name);
        exit(1);
    }
    return symbol;
}

/* Ends with what a call of libzmq (`zmq`) or nanomsg (`nn`) says of its failure, in its own words. */
static inline void bench_die_of(const bench_task *task, const char *library, const char *call)
{
    char name[32];
    int (*code)(void);
    const char *(*words)(int);
    snprintf(name, sizeof name, "%s_errno", library);
    code = (int (*)(void))bench_symbol(task, name);
    snprintf(name, sizeof name, "%s_strerror", library);
    words = (const char *(*)(int))bench_symbol(task, name);
    fprintf(stderr, "%s_%s failed: %s\n", library, call, words(code()));
    exit(1);
}

static inline bench_task bench_start(int argc, char **argv)
{
    bench_task task;
    if (argc < 6) {
        fprintf(stderr, "usage: %s LIBRARY ROLE URL COUNT SIZE ...\n", argv[0]);
        exit(2);
    }
    if (getenv("BENCH_STUBS") != NULL)
        dlopen(getenv("BENCH_STUBS"), RTLD_NOW | RTLD_GLOBAL);
    task.library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (task.library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    task.replies = strcmp(argv[2], "rep") == 0;
    task.url = argv[3];
    task.count = atol(argv[4]);
    task.size = (size_t)atol(argv[5]);
    task.body = malloc(task.size + 1);
    if (task.body == NULL)
        exit(1);
    memset(task.body, 1, task.size + 1); /* pages of its own: untouched ones would all be one page */
    return task;
}

static inline double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void bench_ready(void)
{
    puts("ready");
    fflush(stdout);
}

static inline void bench_served(void)
{
    puts("served");
    fflush(stdout);
}

/* For a program that waits in the library alone, as a plain one does. */
static inline void bench_end_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

#endif
