/* nng with nng_sendmsg and nng_recvmsg, which copy least; nng 1 and 2. */
#include <stdint.h>

typedef struct {
    uint32_t id;
} port;

#include "works.h"

typedef struct nng_msg nng_msg;
typedef int opener(port *);

static const char *const openers[PROTOCOLS] = {
    [PUSH] = "nng_push0_open", [PULL] = "nng_pull0_open", [REQ] = "nng_req0_open",
    [REP] = "nng_rep0_open",   [PUB] = "nng_pub0_open",   [SUB] = "nng_sub0_open",
};
static const bench_task *loaded;
static int (*listen_on)(port, const char *, void *, int);
static int (*dial_to)(port, const char *, void *, int);
static int (*close_socket)(port);
static int (*set_int)(port, const char *, int);
static int (*alloc)(nng_msg **, size_t);
static void *(*body_of)(nng_msg *);
static size_t (*length)(const nng_msg *);
static void (*release)(nng_msg *);
static int (*send_one)(port, nng_msg *, int);
static int (*receive_one)(port, nng_msg **, int);

static void check(const char *what, int code)
{
    if (code != 0)
        bench_die(what, code);
}

static void ports_load(const bench_task *task)
{
    int (*init)(const void *) = (int (*)(const void *))dlsym(task->library, "nng_init");
    void *close = dlsym(task->library, "nng_socket_close");
    loaded = task;
    listen_on = (int (*)(port, const char *, void *, int))bench_symbol(task, "nng_listen");
    dial_to = (int (*)(port, const char *, void *, int))bench_symbol(task, "nng_dial");
    close_socket = (int (*)(port))(close != NULL ? close : bench_symbol(task, "nng_close"));
    set_int = (int (*)(port, const char *, int))bench_symbol(task, "nng_socket_set_int");
    alloc = (int (*)(nng_msg **, size_t))bench_symbol(task, "nng_msg_alloc");
    body_of = (void *(*)(nng_msg *))bench_symbol(task, "nng_msg_body");
    length = (size_t (*)(const nng_msg *))bench_symbol(task, "nng_msg_len");
    release = (void (*)(nng_msg *))bench_symbol(task, "nng_msg_free");
    send_one = (int (*)(port, nng_msg *, int))bench_symbol(task, "nng_sendmsg");
    receive_one = (int (*)(port, nng_msg **, int))bench_symbol(task, "nng_recvmsg");
    if (init != NULL)
        check("nng_init", init(NULL));
}

static void subscribe_to_all(port self)
{
    int (*subscribe)(port, const void *, size_t) =
        (int (*)(port, const void *, size_t))dlsym(loaded->library, "nng_sub0_socket_subscribe");
    int (*set)(port, const char *, const void *, size_t) = (int (*)(
        port, const char *, const void *, size_t))dlsym(loaded->library, "nng_socket_set");
    if (subscribe != NULL)
        check("nng_sub0_socket_subscribe", subscribe(self, "", 0));
    else if (set != NULL)
        check("nng_socket_set", set(self, "sub:subscribe", "", 0));
    else
        bench_die("looking for a way to subscribe", 0);
}

static port port_open(int protocol)
{
    const char *mark = getenv("BENCH_MARK");
    port self;
    check("open", ((opener *)bench_symbol(loaded, openers[protocol]))(&self));
    if (protocol == SUB)
        subscribe_to_all(self);
    if (mark != NULL && (protocol == PUB || protocol == SUB))
        check("nng_socket_set_int",
              set_int(self, protocol == PUB ? "send-buffer" : "recv-buffer", atoi(mark)));
    return self;
}

static void port_listen(port self, const char *url)
{
    check("nng_listen", listen_on(self, url, NULL, 0));
}

static void port_dial(port self, const char *url)
{
    check("nng_dial", dial_to(self, url, NULL, 0));
}

static void port_send(port self, const void *body, size_t size)
{
    nng_msg *message;
    check("nng_msg_alloc", alloc(&message, size));
    memcpy(body_of(message), body, size);
    check("nng_sendmsg", send_one(self, message, 0));
}

static void port_recv(port self, void *body, size_t size)
{
    nng_msg *message;
    check("nng_recvmsg", receive_one(self, &message, 0));
    memcpy(body, body_of(message), length(message) < size ? length(message) : size);
    release(message);
}

static void port_close(port self)
{
    check("nng_socket_close", close_socket(self));
}
