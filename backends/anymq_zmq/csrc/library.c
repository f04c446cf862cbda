/* Opening a libzmq file, its context, and the context's end.
 *
 * A file that was opened stays open: its context owns threads, and unloading code under them is
 * not safe. The same file opened twice is one azmq_lib.
 */
#include "anymq_dl.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "library.h"
#include "socket.h"

struct azmq_term {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int done;
    int forgotten;
    void *ctx;
    int (*ctx_term)(void *ctx);
};

static pthread_mutex_t libraries_lock = PTHREAD_MUTEX_INITIALIZER;
static azmq_lib *libraries;
static int fork_handler_set;

/* The child of a fork has none of the parent's threads: its contexts cannot be used, closed or
 * terminated there. They are forgotten, so that the child can make its own. */
static void after_fork_in_child(void)
{
    pthread_mutex_init(&libraries_lock, NULL);
    for (azmq_lib *lib = libraries; lib != NULL; lib = lib->next) {
        pthread_mutex_init(&lib->lock, NULL);
        lib->ctx = NULL;
        lib->forks++;
        lib->watched = NULL;
        lib->watched_changes++;
        lib->names = NULL;
        lib->watcher_running = 0;
        lib->watcher_stop = 0;
        if (lib->watcher_wake >= 0)
            close(lib->watcher_wake);
        lib->watcher_wake = -1;
    }
}

typedef struct {
    const char *name;
    size_t offset;
    int needed;
} symbol_entry;

#define NEEDED(field, symbol) { "zmq_" symbol, offsetof(azmq_api, field), 1 }
#define EXTRA(field, symbol) { "zmq_" symbol, offsetof(azmq_api, field), 0 }

static const symbol_entry SYMBOLS[] = {
    NEEDED(version, "version"),
    NEEDED(get_errno, "errno"),
    NEEDED(strerror, "strerror"),
    NEEDED(ctx_new, "ctx_new"),
    NEEDED(ctx_term, "ctx_term"),
    NEEDED(ctx_set, "ctx_set"),
    NEEDED(ctx_get, "ctx_get"),
    NEEDED(socket, "socket"),
    NEEDED(close, "close"),
    NEEDED(setsockopt, "setsockopt"),
    NEEDED(getsockopt, "getsockopt"),
    NEEDED(bind, "bind"),
    NEEDED(connect, "connect"),
    NEEDED(unbind, "unbind"),
    NEEDED(disconnect, "disconnect"),
    NEEDED(monitor, "socket_monitor"),
    NEEDED(send, "send"),
    NEEDED(msg_init, "msg_init"),
    NEEDED(msg_init_size, "msg_init_size"),
    NEEDED(msg_init_data, "msg_init_data"),
    NEEDED(msg_copy, "msg_copy"),
    NEEDED(msg_send, "msg_send"),
    NEEDED(msg_recv, "msg_recv"),
    NEEDED(msg_close, "msg_close"),
    NEEDED(msg_data, "msg_data"),
    NEEDED(msg_size, "msg_size"),
    NEEDED(msg_more, "msg_more"),
    EXTRA(has, "has"),
    EXTRA(curve_keypair, "curve_keypair"),
    EXTRA(msg_routing_id, "msg_routing_id"),
    EXTRA(msg_set_routing_id, "msg_set_routing_id"),
    EXTRA(msg_group, "msg_group"),
    EXTRA(msg_set_group, "msg_set_group"),
    EXTRA(join, "join"),
    EXTRA(leave, "leave"),
    EXTRA(connect_peer, "connect_peer"),
};

static const char *looks_like(void *dl)
{
    if (dlsym(dl, "nn_symbol_info") != NULL && dlsym(dl, "nng_send") == NULL)
        return "it looks like nanomsg";
    if (dlsym(dl, "nng_send") != NULL || dlsym(dl, "nng_version") != NULL)
        return "it looks like nng";
    if (dlsym(dl, "zmq_socket") != NULL)
        return "it looks like a libzmq before 4.0";
    return "it looks like none of nanomsg, nng and libzmq";
}

static int resolve(azmq_lib *lib, char *error, size_t error_size)
{
    char missing[512] = "";
    size_t size = 0;
    for (size_t i = 0; i < sizeof SYMBOLS / sizeof SYMBOLS[0]; i++) {
        void *address = anymq_dl_symbol(lib->dl, SYMBOLS[i].name);
        if (address == NULL && SYMBOLS[i].needed && size < sizeof missing)
            size += (size_t)snprintf(missing + size, sizeof missing - size, "%s%s",
                                     size > 0 ? ", " : "", SYMBOLS[i].name);
        memcpy((char *)&lib->api + SYMBOLS[i].offset, &address, sizeof address);
    }
    if (lib->api.version == NULL)
        snprintf(error, error_size, "it is not libzmq 4.0 or later: it has no zmq_version; %s",
                 looks_like(lib->dl));
    else if (size > 0)
        snprintf(error, error_size, "an incomplete libzmq, or one before 4.0: it lacks %s", missing);
    return size > 0 ? -1 : 0;
}

/* What it says its version is; later versions than are known look like the latest of 99. */
static int read_version(azmq_lib *lib, char *error, size_t error_size)
{
    int number = 0;
    lib->api.version(&lib->version[0], &lib->version[1], &lib->version[2]);
    for (int i = 0; i < 3; i++) {
        int part = lib->version[i] < 0 ? 0 : lib->version[i] > 99 ? 99 : lib->version[i];
        number = number * 100 + part;
    }
    lib->number_version = number;
    if (number >= 40000)
        return 0;
    snprintf(error, error_size, "it says that it is libzmq %d.%d.%d: 4.0 or later is needed",
             lib->version[0], lib->version[1], lib->version[2]);
    return -1;
}

static azmq_lib *find_library(void *dl)
{
    azmq_lib *lib = libraries;
    while (lib != NULL && lib->dl != dl)
        lib = lib->next;
    return lib;
}

azmq_lib *azmq_open(const char *path, char *error, size_t error_size)
{
    void *dl = anymq_dl_open(path, error, error_size);
    if (dl == NULL)
        return NULL;
    pthread_mutex_lock(&libraries_lock);
    azmq_lib *lib = find_library(dl);
    if (lib != NULL) {
        dlclose(dl); /* only takes back the count of this call */
        goto out;
    }
    lib = calloc(1, sizeof *lib);
    if (lib == NULL) {
        snprintf(error, error_size, "out of memory");
        dlclose(dl);
        goto out;
    }
    lib->dl = dl;
    if (resolve(lib, error, error_size) != 0 || read_version(lib, error, error_size) != 0) {
        free(lib);
        lib = NULL;
        dlclose(dl);
        goto out;
    }
    void *symbol;
    memcpy(&symbol, &lib->api.version, sizeof symbol);
    anymq_dl_path(symbol, lib->path, sizeof lib->path);
    lib->watcher_wake = -1;
    pthread_mutex_init(&lib->lock, NULL);
    azmq_fill_ops(&lib->ops);
    lib->next = libraries;
    libraries = lib;
    if (!fork_handler_set)
        fork_handler_set = pthread_atfork(NULL, NULL, after_fork_in_child) == 0;
out:
    pthread_mutex_unlock(&libraries_lock);
    return lib;
}

const char *azmq_path(const azmq_lib *lib)
{
    return lib->path;
}

void azmq_version(const azmq_lib *lib, int *numbers)
{
    memcpy(numbers, lib->version, sizeof lib->version);
}

int azmq_has(const azmq_lib *lib, const char *capability)
{
    return lib->api.has == NULL ? -1 : lib->api.has(capability) != 0;
}

/* Both are given 41 bytes: 40 of Z85 and a zero. */
int azmq_curve_keypair(const azmq_lib *lib, char *public_key, char *secret_key)
{
    if (lib->api.curve_keypair == NULL)
        return ENOTSUP;
    return lib->api.curve_keypair(public_key, secret_key) == 0 ? 0 : lib->api.get_errno();
}

int azmq_symbol(const azmq_lib *lib, const char *name)
{
    return anymq_dl_symbol(lib->dl, name) != NULL;
}

const char *azmq_strerror(const azmq_lib *lib, int number)
{
    return lib->api.strerror(number);
}

uintptr_t azmq_ops(const azmq_lib *lib)
{
    return (uintptr_t)&lib->ops;
}

void *azmq_context(azmq_lib *lib, int *error)
{
    pthread_mutex_lock(&lib->lock);
    if (lib->ctx == NULL) {
        lib->ctx = lib->api.ctx_new();
        if (lib->ctx == NULL) {
            *error = lib->api.get_errno();
        } else {
            int limit = lib->api.ctx_get(lib->ctx, AZMQ_CTX_SOCKET_LIMIT);
            if (limit > 0) /* 4.1; before, the default of 1023 stays */
                lib->api.ctx_set(lib->ctx, AZMQ_CTX_MAX_SOCKETS, limit);
        }
    }
    void *ctx = lib->ctx;
    pthread_mutex_unlock(&lib->lock);
    return ctx;
}

/* What binding a socket of `type` at `url` says, in a context made for the question. */
int azmq_probe(const azmq_lib *lib, int type, const char *url)
{
    const azmq_api *api = &lib->api;
    void *ctx = api->ctx_new();
    if (ctx == NULL)
        return api->get_errno();
    int result = 0, linger = 0;
    void *sock = api->socket(ctx, type);
    if (sock == NULL) {
        result = api->get_errno();
    } else {
        api->setsockopt(sock, AZMQ_OPT_LINGER, &linger, sizeof linger);
        if (api->bind(sock, url) != 0)
            result = api->get_errno();
        api->close(sock);
    }
    while (api->ctx_term(ctx) != 0 && api->get_errno() == EINTR) {
    }
    return result;
}

int azmq_thread(pthread_t *thread, void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void free_term(azmq_term *term)
{
    pthread_mutex_destroy(&term->lock);
    pthread_cond_destroy(&term->changed);
    free(term);
}

static void *terminate(void *argument)
{
    azmq_term *term = argument;
    while (term->ctx_term(term->ctx) != 0 && errno == EINTR) {
    }
    pthread_mutex_lock(&term->lock);
    term->done = 1;
    int forgotten = term->forgotten;
    pthread_cond_broadcast(&term->changed);
    pthread_mutex_unlock(&term->lock);
    if (forgotten)
        free_term(term);
    return NULL;
}

/* Begin to terminate the context on a thread, so that whoever waits can be interrupted. NULL:
 * there is none, or no thread could be started (then it is left to the end of the process). */
azmq_term *azmq_term_begin(azmq_lib *lib)
{
    azmq_watcher_stop(lib);
    pthread_mutex_lock(&lib->lock);
    void *ctx = lib->ctx;
    lib->ctx = NULL;
    pthread_mutex_unlock(&lib->lock);
    if (ctx == NULL)
        return NULL;
    azmq_term *term = calloc(1, sizeof *term);
    if (term == NULL)
        return NULL;
    term->ctx = ctx;
    term->ctx_term = lib->api.ctx_term;
    pthread_mutex_init(&term->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&term->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_t thread;
    if (azmq_thread(&thread, terminate, term) != 0) {
        free_term(term);
        return NULL;
    }
    pthread_detach(thread);
    return term;
}

/* 1 once the context is gone, 0 when the time is over. */
int azmq_term_wait(azmq_term *term, int timeout_ms)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += timeout_ms / 1000;
    end.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (end.tv_nsec >= 1000000000L) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&term->lock);
    while (!term->done && pthread_cond_timedwait(&term->changed, &term->lock, &end) == 0) {
    }
    int done = term->done;
    pthread_mutex_unlock(&term->lock);
    return done;
}

void azmq_term_forget(azmq_term *term)
{
    pthread_mutex_lock(&term->lock);
    term->forgotten = 1;
    int done = term->done;
    pthread_mutex_unlock(&term->lock);
    if (done)
        free_term(term);
}
