/* The table that the engine is given: one for all opened libraries, a socket knows its own. */
#include "nanomsg.h"

static const anymq_ops table = {
    .abi = ANYMQ_OPS_ABI,
    .size = sizeof(anymq_ops),
    .traits = 0, /* thread-safe, level-triggered */
    .msg_init = anymq_nn_msg_init,
    .msg_release = anymq_nn_msg_release,
    .msg_free = anymq_nn_msg_free,
    .try_send = anymq_nn_try_send,
    .try_recv = anymq_nn_try_recv,
    .wait_fd = anymq_nn_wait_fd,
    .drained = anymq_nn_drained,
    .peers = anymq_nn_peers,
    .peer_fd = anymq_nn_peer_fd,
    .next_event = anymq_nn_next_event,
    .close = anymq_nn_socket_close,
};

const anymq_ops *anymq_nn_table(void)
{
    return &table;
}
