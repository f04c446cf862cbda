/* libzmq with zmq_send and zmq_recv; the numbers are zmq.h's. */
#include <errno.h>
#include <sched.h>
#include <stddef.h>

typedef void *port;

#include "works.h"

#define OPTION_SUBSCRIBE 6
#define OPTION_SEND_MARK 23
#define OPTION_RECEIVE_MARK 24

static const int kinds[PROTOCOLS] = {[PUSH] = 8, [PULL] = 7, [REQ] = 3, [REP] = 4, [PUB] = 1, [SUB] = 2};
static void *context;
static void *(*open_socket)(void *, int);
static int (*bind_to)(void *, const char *);
static int (*connect_to)(void *, const char *);
static int (*set_option)(void *, int, const void *, size_t);
static int (*send_one)(void *, const void *, size_t, int);
static int (*receive_one)(void *, void *, size_t, int);
static int (*close_socket)(void *);

static void ports_load(const bench_task *task)
{
    void *(*new_context)(void) = (void *(*)(void))bench_symbol(task, "zmq_ctx_new");
    open_socket = (void *(*)(void *, int))bench_symbol(task, "zmq_socket");
    bind_to = (int (*)(void *, const char *))bench_symbol(task, "zmq_bind");
    connect_to = (int (*)(void *, const char *))bench_symbol(task, "zmq_connect");
    set_option = (int (*)(void *, int, const void *, size_t))bench_symbol(task, "zmq_setsockopt");
    send_one = (int (*)(void *, const void *, size_t, int))bench_symbol(task, "zmq_send");
    receive_one = (int (*)(void *, void *, size_t, int))bench_symbol(task, "zmq_recv");
    close_socket = (int (*)(void *))bench_symbol(task, "zmq_close");
    context = new_context();
}

static port port_open(int protocol)
{
    const char *mark = getenv("BENCH_MARK");
    int count = mark ? atoi(mark) : 0;
    port self;
    while ((self = open_socket(context, kinds[protocol])) == NULL)
        if (errno == EMFILE) /* so many are being closed, which another thread does */
            sched_yield();
        else
            bench_die_of(&task, "zmq", "socket");
    if (protocol == SUB)
        set_option(self, OPTION_SUBSCRIBE, "", 0);
    if (count > 0) {
        set_option(self, OPTION_SEND_MARK, &count, sizeof count);
        set_option(self, OPTION_RECEIVE_MARK, &count, sizeof count);
    }
    return self;
}

static void port_listen(port self, const char *url)
{
    if (bind_to(self, url) != 0)
        bench_die_of(&task, "zmq", "bind");
}

static void port_dial(port self, const char *url)
{
    if (connect_to(self, url) != 0)
        bench_die_of(&task, "zmq", "connect");
}

static void port_send(port self, const void *body, size_t size)
{
    if (send_one(self, body, size, 0) < 0)
        bench_die_of(&task, "zmq", "send");
}

static void port_recv(port self, void *body, size_t size)
{
    if (receive_one(self, body, size, 0) < 0)
        bench_die_of(&task, "zmq", "recv");
}

static void port_close(port self)
{
    close_socket(self);
}
