/* PUSH/PULL on nng with nng_sendmsg and nng_recvmsg, which copy least; nng 1 and 2. */
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
        &task, task.receives ? "nng_pull0_open" : "nng_push0_open");
    int (*attach)(nng_socket_id, const char *, void *, int) =
        (int (*)(nng_socket_id, const char *, void *, int))bench_symbol(
            &task, task.receives ? "nng_listen" : "nng_dial");
    int (*alloc)(nng_msg **, size_t) = (int (*)(nng_msg **, size_t))bench_symbol(&task, "nng_msg_alloc");
    void *(*body)(nng_msg *) = (void *(*)(nng_msg *))bench_symbol(&task, "nng_msg_body");
    void (*release)(nng_msg *) = (void (*)(nng_msg *))bench_symbol(&task, "nng_msg_free");
    int (*send)(nng_socket_id, nng_msg *, int) =
        (int (*)(nng_socket_id, nng_msg *, int))bench_symbol(&task, "nng_sendmsg");
    int (*recv)(nng_socket_id, nng_msg **, int) =
        (int (*)(nng_socket_id, nng_msg **, int))bench_symbol(&task, "nng_recvmsg");
    nng_socket_id sock;
    nng_msg *message;
    double started = 0;
    int code;
    long i;

    if (init != NULL && (code = init(NULL)) != 0)
        bench_die("nng_init", code);
    if ((code = open_socket(&sock)) != 0)
        bench_die("open", code);
    if ((code = attach(sock, task.url, NULL, 0)) != 0)
        bench_die("listen or dial", code);
    bench_ready();
    for (i = 0; i <= task.count; i++) {
        if (task.receives) {
            if ((code = recv(sock, &message, 0)) != 0)
                bench_die("nng_recvmsg", code);
            memcpy(task.body, body(message), task.size);
            release(message);
            if (i == 0)
                started = bench_now();
        } else {
            if ((code = alloc(&message, task.size)) != 0)
                bench_die("nng_msg_alloc", code);
            memcpy(body(message), task.body, task.size);
            if ((code = send(sock, message, 0)) != 0)
                bench_die("nng_sendmsg", code);
        }
    }
    if (task.receives)
        bench_measured(task.count, bench_now() - started);
    bench_wait_for_end();
    return 0;
}
