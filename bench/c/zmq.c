/* PUSH/PULL on libzmq with zmq_send and zmq_recv; the numbers are zmq.h's. */
#include "bench.h"

#define SOCKET_PULL 7
#define SOCKET_PUSH 8

int main(int argc, char **argv)
{
    bench_task task = bench_start(argc, argv);
    void *(*ctx_new)(void) = (void *(*)(void))bench_symbol(&task, "zmq_ctx_new");
    void *(*open_socket)(void *, int) = (void *(*)(void *, int))bench_symbol(&task, "zmq_socket");
    int (*bind)(void *, const char *) = (int (*)(void *, const char *))bench_symbol(&task, "zmq_bind");
    int (*connect)(void *, const char *) =
        (int (*)(void *, const char *))bench_symbol(&task, "zmq_connect");
    int (*send)(void *, const void *, size_t, int) =
        (int (*)(void *, const void *, size_t, int))bench_symbol(&task, "zmq_send");
    int (*recv)(void *, void *, size_t, int) =
        (int (*)(void *, void *, size_t, int))bench_symbol(&task, "zmq_recv");
    int (*close)(void *) = (int (*)(void *))bench_symbol(&task, "zmq_close");
    int (*term)(void *) = (int (*)(void *))bench_symbol(&task, "zmq_ctx_term");
    void *context = ctx_new();
    void *sock = open_socket(context, task.receives ? SOCKET_PULL : SOCKET_PUSH);
    double started;
    long i;

    if ((task.receives ? bind : connect)(sock, task.url) != 0)
        bench_die("bind or connect", 0);
    bench_ready();
    if (task.receives) {
        if (recv(sock, task.body, task.size, 0) < 0)
            bench_die("zmq_recv", 0);
        started = bench_now();
        for (i = 0; i < task.count; i++)
            if (recv(sock, task.body, task.size, 0) < 0)
                bench_die("zmq_recv", 0);
        bench_measured(task.count, bench_now() - started);
    } else {
        for (i = 0; i <= task.count; i++)
            if (send(sock, task.body, task.size, 0) < 0)
                bench_die("zmq_send", 0);
    }
    bench_wait_for_end();
    close(sock);
    term(context);
    return 0;
}
