/* Whether all that was sent has left the process.
 *
 * nanomsg hands a message to the kernel within nn_sendmsg as far as the kernel takes it; the rest
 * waits in the connection, which takes no further message until it is written. PUSH and PAIR choose
 * a connection that is free, and NN_SNDFD is readable when there is one. So with a single peer,
 * writable means that everything was written. With several peers one of them may be free and
 * another not, and the other protocols are always writable (they drop what does not fit): then
 * nobody can tell. Over inproc nothing leaves, see inproc.c.
 */
#include "nanomsg.h"

/* Before the first message since all was known to have left: remember the state to compare with. */
void anymq_nn_before_send(anymq_nn_socket *s)
{
    if (!s->tells_writable)
        return;
    uint64_t sent = __atomic_load_n(&s->sent, __ATOMIC_RELAXED);
    if (sent == __atomic_load_n(&s->clean, __ATOMIC_RELAXED))
        __atomic_store_n(&s->ended, anymq_nn_ended(s), __ATOMIC_RELEASE);
}

/* Counted after the library took it, so that a reply never counts a request that it is not for. */
void anymq_nn_after_send(anymq_nn_socket *s)
{
    __atomic_add_fetch(&s->sent, 1, __ATOMIC_RELEASE);
}

int anymq_nn_drained(void *sock)
{
    anymq_nn_socket *s = sock;
    uint64_t sent = __atomic_load_n(&s->sent, __ATOMIC_ACQUIRE);
    if (sent == __atomic_load_n(&s->clean, __ATOMIC_ACQUIRE))
        return 1;
    if (s->names != NULL) {
        int taken = anymq_nn_inproc_taken(s);
        if (taken == 1 && !__atomic_load_n(&s->others, __ATOMIC_RELAXED))
            __atomic_store_n(&s->clean, sent, __ATOMIC_RELEASE);
        if (taken != 1 || !__atomic_load_n(&s->others, __ATOMIC_RELAXED))
            return taken;
    }
    if (!s->tells_writable || s->lib->nn_get_statistic == NULL)
        return ANYMQ_UNKNOWN;
    int64_t peers = anymq_nn_connected(s);
    bool is_writable = anymq_nn_readable(s->send_fd);
    bool steady = anymq_nn_ended(s) == __atomic_load_n(&s->ended, __ATOMIC_ACQUIRE) &&
                  anymq_nn_connected(s) == peers;
    if (!is_writable && peers > 0)
        return 0;
    if (peers > 1)
        return ANYMQ_UNKNOWN;
    /* Nothing is held any more. Where a connection ended meanwhile, what it held is lost: that is
     * told once. */
    __atomic_store_n(&s->ended, anymq_nn_ended(s), __ATOMIC_RELEASE);
    __atomic_store_n(&s->clean, sent, __ATOMIC_RELEASE);
    return is_writable && steady ? 1 : ANYMQ_UNKNOWN;
}
