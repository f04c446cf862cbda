/* A REP or PULL on libzmq that waits in zmq_recv; the numbers are zmq.h's. */
#include "bench.h"

#define SOCKET_REP 4
#define SOCKET_PULL 7

int main(int argc, char **argv)
{
    bench_task task = bench_start(argc, argv);
    void *(*ctx_new)(void) = (void *(*)(void))bench_symbol(&task, "zmq_ctx_new");
    void *(*open_socket)(void *, int) = (void *(*)(void *, int))bench_symbol(&task, "zmq_socket");
    int (*bind)(void *, const char *) = (int (*)(void *, const char *))bench_symbol(&task, "zmq_bind");
    int (*send)(void *, const void *, size_t, int) =
        (int (*)(void *, const void *, size_t, int))bench_symbol(&task, "zmq_send");
    int (*recv)(void *, void *, size_t, int) =
        (int (*)(void *, void *, size_t, int))bench_symbol(&task, "zmq_recv");
    void *sock = open_socket(ctx_new(), task.replies ? SOCKET_REP : SOCKET_PULL);

    bench_end_with_parent();
    if (bind(sock, task.url) != 0)
        bench_die_of(&task, "zmq", "bind");
    bench_ready();
    for (;;) {
        int size = recv(sock, task.body, task.size, 0);
        if (size < 0)
            bench_die_of(&task, "zmq", "recv");
        if (task.replies && send(sock, task.body, (size_t)size, 0) < 0)
            bench_die_of(&task, "zmq", "send");
        bench_served();
    }
}
