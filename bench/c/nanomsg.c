/* nanomsg with nn_send and nn_recv; the numbers are nanomsg's headers'. */
typedef int port;

#include "works.h"

#define DOMAIN_SP 1
#define LEVEL_SOCKET 0
#define LEVEL_TCP (-3)
#define TCP_NO_DELAY 1
#define LARGEST_RECEIVED 16
#define SUBSCRIBE 1

static const int kinds[PROTOCOLS] = {[PUSH] = 80, [PULL] = 81, [REQ] = 48, [REP] = 49, [PUB] = 32, [SUB] = 33};
static int (*open_socket)(int, int);
static int (*bind_to)(int, const char *);
static int (*connect_to)(int, const char *);
static int (*set_option)(int, int, int, const void *, size_t);
static int (*send_one)(int, const void *, size_t, int);
static int (*receive_one)(int, void *, size_t, int);
static int (*close_socket)(int);

static void ports_load(const bench_task *task)
{
    open_socket = (int (*)(int, int))bench_symbol(task, "nn_socket");
    bind_to = (int (*)(int, const char *))bench_symbol(task, "nn_bind");
    connect_to = (int (*)(int, const char *))bench_symbol(task, "nn_connect");
    set_option = (int (*)(int, int, int, const void *, size_t))bench_symbol(task, "nn_setsockopt");
    send_one = (int (*)(int, const void *, size_t, int))bench_symbol(task, "nn_send");
    receive_one = (int (*)(int, void *, size_t, int))bench_symbol(task, "nn_recv");
    close_socket = (int (*)(int))bench_symbol(task, "nn_close");
}

static port port_open(int protocol)
{
    int nodelay = 1; /* as anymq has it on every library; nanomsg itself would join small messages */
    int unlimited = -1;
    port self = open_socket(DOMAIN_SP, kinds[protocol]);
    if (self < 0)
        bench_die_of(&task, "nn", "socket");
    if (set_option(self, LEVEL_TCP, TCP_NO_DELAY, &nodelay, sizeof nodelay) < 0)
        bench_die_of(&task, "nn", "setsockopt");
    if (set_option(self, LEVEL_SOCKET, LARGEST_RECEIVED, &unlimited, sizeof unlimited) < 0)
        bench_die_of(&task, "nn", "setsockopt");
    if (protocol == SUB && set_option(self, kinds[SUB], SUBSCRIBE, "", 0) < 0)
        bench_die_of(&task, "nn", "setsockopt");
    return self;
}

static void port_listen(port self, const char *url)
{
    if (bind_to(self, url) < 0)
        bench_die_of(&task, "nn", "bind");
}

static void port_dial(port self, const char *url)
{
    if (connect_to(self, url) < 0)
        bench_die_of(&task, "nn", "connect");
}

static void port_send(port self, const void *body, size_t size)
{
    if (send_one(self, body, size, 0) < 0)
        bench_die_of(&task, "nn", "send");
}

static void port_recv(port self, void *body, size_t size)
{
    if (receive_one(self, body, size, 0) < 0)
        bench_die_of(&task, "nn", "recv");
}

static void port_close(port self)
{
    close_socket(self);
}
