/* A REP or PULL on nng that waits in nng_recvmsg; nng 1 and 2. */
#include "bench.h"

#include <stdint.h>

typedef struct {
    uint32_t id;
} nng_socket_id;

typedef struct nng_msg nng_msg;

int main(int argc, char **argv)
{
    bench_task task = bench_start(argc, argv);
    int (*init)(const void *) = (int (*)(const void *))dlsym(task.library, "nng_init");
    int (*open_socket)(nng_socket_id *) = (int (*)(nng_socket_id *))bench_symbol(
        &task, task.replies ? "nng_rep0_open" : "nng_pull0_open");
    int (*listen)(nng_socket_id, const char *, void *, int) =
        (int (*)(nng_socket_id, const char *, void *, int))bench_symbol(&task, "nng_listen");
    void (*release)(nng_msg *) = (void (*)(nng_msg *))bench_symbol(&task, "nng_msg_free");
    int (*send)(nng_socket_id, nng_msg *, int) =
        (int (*)(nng_socket_id, nng_msg *, int))bench_symbol(&task, "nng_sendmsg");
    int (*recv)(nng_socket_id, nng_msg **, int) =
        (int (*)(nng_socket_id, nng_msg **, int))bench_symbol(&task, "nng_recvmsg");
    nng_socket_id sock;
    nng_msg *message;
    int code;

    bench_end_with_parent();
    if (init != NULL && (code = init(NULL)) != 0)
        bench_die("nng_init", code);
    if ((code = open_socket(&sock)) != 0)
        bench_die("open", code);
    if ((code = listen(sock, task.url, NULL, 0)) != 0)
        bench_die("nng_listen", code);
    bench_ready();
    for (;;) {
        if ((code = recv(sock, &message, 0)) != 0)
            bench_die("nng_recvmsg", code);
        if (!task.replies)
            release(message);
        else if ((code = send(sock, message, 0)) != 0)
            bench_die("nng_sendmsg", code);
        bench_served();
    }
}
