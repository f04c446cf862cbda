/* The C contract between the engine and a backend.
 *
 * A backend fills in one anymq_ops table per opened library and hands its address to the engine
 * together with the address of a socket object of its own. The engine does everything that is hard
 * and the same for every library (deadlines, signals, locking, closing under a waiter, batches);
 * the table only says how this library does a few primitive things. No function here may take the
 * interpreter lock, touch a Python object, or block, except where it says so.
 *
 * Functions of a trait are called for that trait only. Of the others these may be NULL: `msg_lend` and
 * `msg_free` (large messages are copied), `try_send_copy` (messages are made first), `drained` (nobody
 * can tell), `forgo` (nothing to be ended), `peer_fd` (ask again) and `next_event` (no events). A table
 * that lacks one that it must have is refused when a Handle is made.
 *
 * Results: 0 is success; a negative number is one of ANYMQ_*; a positive number is the library's
 * own error number, which the backend's Python side turns into an exception.
 */
#ifndef ANYMQ_OPS_H
#define ANYMQ_OPS_H

#include <stddef.h>
#include <stdint.h>

#define ANYMQ_OPS_ABI 1u

enum {
    ANYMQ_OK = 0,
    ANYMQ_AGAIN = -1,       /* would block */
    ANYMQ_INTERRUPTED = -2, /* a native wait was ended by interrupt() */
    ANYMQ_UNKNOWN = -3,     /* the library cannot tell */
};

/* How the library behaves (anymq_ops.traits). */
enum {
    ANYMQ_NEEDS_LOCK = 1,  /* a socket may be used by one thread at a time: the engine locks it */
    ANYMQ_EDGE = 2,        /* wait_fd is edge-triggered, and events() tells what is
                               ready; together with ANYMQ_NEEDS_LOCK only */
    ANYMQ_NATIVE_WAIT = 4, /* wait_send and wait_recv exist; wait_fd is used by event loops alone */
    ANYMQ_SHORT_TRY = 8,   /* a try takes well under a microsecond: not worth releasing the interpreter lock */
    ANYMQ_TELLS = 32,      /* event loops are told by ask(), and need no descriptor of the socket's */
    ANYMQ_LINGERS = 16,    /* close() returns at once and the library itself delivers within the linger time */
};

enum { ANYMQ_READABLE = 1, ANYMQ_WRITABLE = 2 };

/* anymq_msg.flags */
enum { ANYMQ_MORE = 1 }; /* another part of the same message follows */

/* One message, or one part of a multipart message, in the library's own memory.
 * `native` belongs to the backend (a zmq_msg_t fits in place; others keep a pointer). A zeroed
 * anymq_msg is "no message" and may be released. It may not be moved in memory while it holds one
 * unless the backend says that its native part can be moved by memcpy (all three can). */
typedef struct anymq_msg {
    union {
        void *ptr;
        uint64_t words[8];
    } native;
    const void *data;   /* the body; valid until the message is sent or released */
    size_t size;
    const void *header; /* SP header of a raw socket, else NULL; where it is kept is the backend's choice */
    size_t header_size;
    uint32_t flags;
    uint32_t peer;      /* the library's id of the peer that it came from; 0: not known */
} anymq_msg;

/* What happened to a peer or an endpoint (anymq_event.kind). */
enum {
    ANYMQ_EV_CONNECTED = 1,
    ANYMQ_EV_DISCONNECTED = 2,
    ANYMQ_EV_REFUSED = 3,          /* a connection attempt failed; it is tried again */
    ANYMQ_EV_HANDSHAKE_FAILED = 4,
    ANYMQ_EV_ACCEPT_FAILED = 5,
    ANYMQ_EV_LISTENING = 6,
    ANYMQ_EV_LISTEN_FAILED = 7,
    ANYMQ_EV_CLOSED = 8,           /* an endpoint was closed */
    ANYMQ_EV_REJECTED = 9,         /* the peer was turned away by the protocol */
};

typedef struct anymq_event {
    int32_t kind;
    int32_t native;      /* the library's own event number, 0 where it has none */
    int32_t code;        /* native error number or event value, 0 where there is none */
    uint32_t peer;       /* the library's id of the peer, 0 where it has none */
    int64_t time_ns;     /* CLOCK_REALTIME when it was seen */
    char address[256];   /* of the peer or endpoint; "" where it is not known */
} anymq_event;

typedef struct anymq_ops {
    uint32_t abi;    /* ANYMQ_OPS_ABI */
    uint32_t size;   /* sizeof(anymq_ops) */
    uint32_t traits;

    /* Make a message with a copy of header and body. On failure `m` holds nothing. */
    int (*msg_init)(void *sock, anymq_msg *m, const void *header, size_t header_size,
                    const void *data, size_t size);
    /* Free what `m` holds and zero it. */
    void (*msg_release)(void *sock, anymq_msg *m);

    /* Large messages without a copy. msg_lend: make a message, without a header, of memory that stays
     * where it is until the library calls give_back(data, hint), once, from any thread; on failure it
     * does not, and `m` holds nothing. msg_free: free a message that was received, whose socket may be
     * closed by now; `ops` is the table of its library. */
    int (*msg_lend)(void *sock, anymq_msg *m, void *data, size_t size,
                    void (*give_back)(void *data, void *hint), void *hint);
    void (*msg_free)(const struct anymq_ops *ops, anymq_msg *m);

    /* One attempt that never blocks. try_send: on success the message is the library's and `m` is
     * zeroed; on any other result it is still the caller's, unchanged. try_recv: on success `m` is
     * filled (its former content is overwritten, not released). */
    int (*try_send)(void *sock, anymq_msg *m);
    int (*try_recv)(void *sock, anymq_msg *m);
    /* try_send of a message that is not made before: a copy of `data`. Quick, as ANYMQ_SHORT_TRY has
     * it, for messages that are not large. */
    int (*try_send_copy)(void *sock, const void *data, size_t size);

    /* Readiness. wait_fd: the descriptor to poll for POLLIN before the next attempt in `direction`
     * (ANYMQ_READABLE or ANYMQ_WRITABLE), or -1: there is none, try again every few milliseconds.
     * events (ANYMQ_EDGE only): what is ready now, as a mask. */
    int (*wait_fd)(void *sock, int direction);
    int (*events)(void *sock);

    /* Native waits (ANYMQ_NATIVE_WAIT only): as try_*, which is not called before them, but block for up
     * to timeout_ms (< 0: no limit; never 0); ANYMQ_AGAIN when the time is over, ANYMQ_INTERRUPTED after interrupt(). A message is never
     * lost between a time-out and its arrival. Called without the interpreter lock. */
    int (*wait_send)(void *sock, anymq_msg *m, int timeout_ms);
    int (*wait_recv)(void *sock, anymq_msg *m, int timeout_ms);
    /* End all native waits of this socket, those that begin later included. */
    void (*interrupt)(void *sock);

    /* Waits of event loops. ask (ANYMQ_TELLS only): call tell(listener, direction) when the next
     * attempt may succeed, perhaps at once, from any thread, under any lock of your own; until
     * forgo or interrupt. forgo: no loop waits any longer for what ask or wait_fd was asked. */
    void (*ask)(void *sock, int direction, void (*tell)(void *listener, int direction), void *listener);
    void (*forgo)(void *sock, int direction);

    /* Has all that was sent left this process? 1 yes, 0 not yet, ANYMQ_UNKNOWN. */
    int (*drained)(void *sock);

    /* Peers. peers: how many are connected through `endpoint` (the library's number of a dialer or
     * listener; 0, or where the library cannot tell: through any). peer_fd: readable when peers or
     * next_event may have news, or -1: ask again every few milliseconds. next_event: 1 and `e`
     * filled, or 0: none is waiting. These three may be called at any time by any thread; they lock
     * for themselves, and the engine holds no lock while it calls them. */
    int (*peers)(void *sock, uint32_t endpoint);
    int (*peer_fd)(void *sock);
    int (*next_event)(void *sock, anymq_event *e);

    /* Close and free `sock`; never called twice, never with a call of this socket under way. May
     * block briefly. linger_ms < 0: no limit. Only ANYMQ_LINGERS backends look at linger_ms: for
     * the others the engine waits for drained() first. */
    int (*close)(void *sock, int64_t linger_ms);
} anymq_ops;

#endif
