/* PUSH/PULL on nanomsg with nn_send and nn_recv; the numbers are nanomsg's headers'. */
#include "bench.h"

#define DOMAIN_SP 1
#define SOCKET_PUSH 80
#define SOCKET_PULL 81
#define LEVEL_TCP (-3)
#define TCP_NO_DELAY 1

int main(int argc, char **argv)
{
    bench_task task = bench_start(argc, argv);
    int (*open_socket)(int, int) = (int (*)(int, int))bench_symbol(&task, "nn_socket");
    int (*bind)(int, const char *) = (int (*)(int, const char *))bench_symbol(&task, "nn_bind");
    int (*connect)(int, const char *) = (int (*)(int, const char *))bench_symbol(&task, "nn_connect");
    int (*send)(int, const void *, size_t, int) =
        (int (*)(int, const void *, size_t, int))bench_symbol(&task, "nn_send");
    int (*recv)(int, void *, size_t, int) =
        (int (*)(int, void *, size_t, int))bench_symbol(&task, "nn_recv");
    int (*set_option)(int, int, int, const void *, size_t) =
        (int (*)(int, int, int, const void *, size_t))bench_symbol(&task, "nn_setsockopt");
    int (*close)(int) = (int (*)(int))bench_symbol(&task, "nn_close");
    int sock = open_socket(DOMAIN_SP, task.receives ? SOCKET_PULL : SOCKET_PUSH);
    int nodelay = 1; /* as anymq has it on every library; nanomsg itself would join small messages */
    double started;
    long i;

    if (set_option(sock, LEVEL_TCP, TCP_NO_DELAY, &nodelay, sizeof nodelay) < 0)
        bench_die("nn_setsockopt", 0);
    if ((task.receives ? bind : connect)(sock, task.url) < 0)
        bench_die("bind or connect", 0);
    bench_ready();
    if (task.receives) {
        if (recv(sock, task.body, task.size, 0) < 0)
            bench_die("nn_recv", 0);
        started = bench_now();
        for (i = 0; i < task.count; i++)
            if (recv(sock, task.body, task.size, 0) < 0)
                bench_die("nn_recv", 0);
        bench_measured(task.count, bench_now() - started);
    } else {
        for (i = 0; i <= task.count; i++)
            if (send(sock, task.body, task.size, 0) < 0)
                bench_die("nn_send", 0);
    }
    bench_wait_for_end();
    close(sock);
    return 0;
}
