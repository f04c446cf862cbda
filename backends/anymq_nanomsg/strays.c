/* Closing a REQ that may have got replies which it did not wait for.
 *
 * Of a reply that is late, or that nobody asked for, nanomsg frees the body and goes on pointing at
 * it until the next reply comes. Closing then frees it again: that ends the process, or takes away
 * a message that has been put in the same place. So before a REQ is closed to which that may have
 * happened, it gets a reply that it does wait for, from a REP of its own within the process.
 *
 * A second request before the first was answered makes a reply late; so does one that nanomsg sent
 * again because the resend interval was over.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "nanomsg.h"

#define NS_PER_MS INT64_C(1000000)

/* For what takes less than a millisecond. Where it takes longer than this, closing is tried anyway. */
#define PATIENCE_NS (1000 * NS_PER_MS)

static int64_t since(const int64_t *then)
{
    return anymq_nn_now_ns() - __atomic_load_n(then, __ATOMIC_RELAXED);
}

/* Before a request is sent: whatever came for the former one is of no use any more. */
void anymq_nn_before_request(anymq_nn_socket *s)
{
    anymq_msg former;
    if (!s->waits_for_peer || !__atomic_load_n(&s->asked, __ATOMIC_RELAXED))
        return;
    __atomic_store_n(&s->may_have_strays, 1, __ATOMIC_RELAXED);
    if (anymq_nn_readable(s->recv_fd) && anymq_nn_try_recv(s, &former) == ANYMQ_OK)
        anymq_nn_msg_release(s, &former); /* nanomsg itself would never free it */
}

void anymq_nn_after_request(anymq_nn_socket *s)
{
    if (!s->waits_for_peer)
        return;
    __atomic_store_n(&s->asked_ns, anymq_nn_now_ns(), __ATOMIC_RELAXED);
    __atomic_store_n(&s->asked, 1, __ATOMIC_RELAXED);
}

static void note_resent(anymq_nn_socket *s)
{
    const anymq_nn_lib *lib = s->lib;
    int interval_ms = 0;
    size_t size = sizeof(interval_ms);
    if (since(&s->asked_ns) < NS_PER_MS ||
        lib->nn_getsockopt(s->s, s->protocol, lib->k.k_NN_REQ_RESEND_IVL, &interval_ms, &size) < 0)
        return;
    if (since(&s->asked_ns) >= interval_ms * NS_PER_MS)
        __atomic_store_n(&s->may_have_strays, 1, __ATOMIC_RELAXED);
}

void anymq_nn_after_reply(anymq_nn_socket *s)
{
    if (!s->waits_for_peer)
        return;
    note_resent(s);
    __atomic_store_n(&s->asked, 0, __ATOMIC_RELAXED);
}

static void nap(void)
{
    struct timespec t = {0, NS_PER_MS / 20};
    nanosleep(&t, NULL);
}

/* Ask `rep`, which alone is connected to `s`, and let it echo until the reply is there. */
static void ask(anymq_nn_socket *s, anymq_nn_socket *rep, int64_t begun)
{
    anymq_msg m;
    if (anymq_nn_msg_init(s, &m, NULL, 0, "", 0) != ANYMQ_OK)
        return;
    int result = anymq_nn_try_send(s, &m);
    anymq_nn_msg_release(s, &m);
    while (result == ANYMQ_OK && since(&begun) < PATIENCE_NS) {
        while (anymq_nn_try_recv(rep, &m) == ANYMQ_OK) {
            anymq_nn_try_send(rep, &m);
            anymq_nn_msg_release(rep, &m);
        }
        if (anymq_nn_try_recv(s, &m) == ANYMQ_OK) {
            anymq_nn_msg_release(s, &m);
            return;
        }
        nap();
    }
}

/* The REP, to be closed after `s`, or NULL. No peer of `s` is connected any more then. */
anymq_nn_socket *anymq_nn_last_reply(anymq_nn_socket *s)
{
    static unsigned last_number;
    const anymq_nn_lib *lib = s->lib;
    char url[64];
    int error;
    int64_t begun = anymq_nn_now_ns();

    if (s->waits_for_peer && __atomic_load_n(&s->asked, __ATOMIC_RELAXED))
        note_resent(s);
    if (!__atomic_load_n(&s->may_have_strays, __ATOMIC_RELAXED))
        return NULL;
    anymq_nn_socket *rep = anymq_nn_socket_new(lib, lib->k.k_NN_REP, 1, &error);
    if (rep == NULL)
        return NULL;
    snprintf(url, sizeof(url), "inproc://anymq.last-reply.%u",
             __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED));
    int own = lib->nn_bind(rep->s, url) < 0 ? -1 : lib->nn_connect(s->s, url);
    for (int endpoint = 1; endpoint < own; endpoint++) /* they are numbered from 1 on */
        lib->nn_shutdown(s->s, endpoint);
    while (own >= 0 && since(&begun) < PATIENCE_NS &&
           (anymq_nn_connected(s) != 1 || anymq_nn_connected(rep) != 1))
        nap();
    if (own >= 0)
        ask(s, rep, begun);
    return rep;
}
