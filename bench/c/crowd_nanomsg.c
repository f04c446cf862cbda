/* A REP or PULL on nanomsg that waits in nn_recv; the numbers are nanomsg's headers'. */
#include "bench.h"

#define DOMAIN_SP 1
#define SOCKET_REP 49
#define SOCKET_PULL 81

int main(int argc, char **argv)
{
    bench_task task = bench_start(argc, argv);
    int (*open_socket)(int, int) = (int (*)(int, int))bench_symbol(&task, "nn_socket");
    int (*bind)(int, const char *) = (int (*)(int, const char *))bench_symbol(&task, "nn_bind");
    int (*send)(int, const void *, size_t, int) =
        (int (*)(int, const void *, size_t, int))bench_symbol(&task, "nn_send");
    int (*recv)(int, void *, size_t, int) =
        (int (*)(int, void *, size_t, int))bench_symbol(&task, "nn_recv");
    int sock = open_socket(DOMAIN_SP, task.replies ? SOCKET_REP : SOCKET_PULL);

    bench_end_with_parent();
    if (bind(sock, task.url) < 0)
        bench_die_of(&task, "nn", "bind");
    bench_ready();
    for (;;) {
        int size = recv(sock, task.body, task.size, 0);
        if (size < 0)
            bench_die_of(&task, "nn", "recv");
        if (task.replies && send(sock, task.body, (size_t)size, 0) < 0)
            bench_die_of(&task, "nn", "send");
        bench_served();
    }
}
