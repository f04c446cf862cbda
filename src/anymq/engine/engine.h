/* The engine's own declarations: the Handle, and what each file offers to the others.
 *
 * A Handle drives one native socket through the operations of anymq_ops.h. Two counters keep it
 * safe: `users` counts the calls that may touch the native socket, so that it is closed only when
 * nobody does; `lock` serialises calls where the library needs that. Nobody holds the lock while
 * waiting, and nobody waits for the lock while holding the interpreter lock.
 */
#ifndef ANYMQ_ENGINE_H
#define ANYMQ_ENGINE_H

#include <Python.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "anymq_ops.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define FOREVER INT64_C(-1)

enum { STATE_OPEN, STATE_CLOSING, STATE_CLOSED };

/* A message that was taken from the library but not yet by the program. */
typedef struct Stash {
    struct Stash *next;
    size_t count;
    anymq_msg parts[];
} Stash;

struct Handle;

/* One event loop's interest in a handle, see watch.c. */
typedef struct WatchLink {
    struct WatchLink *next;
    int wanted; /* mask of directions */
    int told;   /* those of them that have been told of (ANYMQ_TELLS) */
    int wake;
} WatchLink;
void amq_watch_link(struct Handle *h, WatchLink *link);
void amq_watch_unlink(struct Handle *h, WatchLink *link);
void amq_watch_want(struct Handle *h, WatchLink *link, int wanted);
#define WATCH_ALL (ANYMQ_READABLE | ANYMQ_WRITABLE)

typedef struct Handle {
    PyObject_HEAD
    const anymq_ops *ops;
    void *sock;
    uint32_t traits;
    unsigned generation; /* of the process, see process.c */
    atomic_int state;
    atomic_int users;
    atomic_int parked;   /* users that run a signal handler right now (main thread only) */
    atomic_int deferred; /* closed by such a handler: the user finishes it */
    bool can_send, can_recv;
    char answers;        /* REQ, SURVEYOR: what is received belongs to what was sent last */
    atomic_int wake;     /* descriptor that ends polls, -1 until somebody waits */
    int waiting[3];      /* how many wait to read (1) or write (2); guarded by lock */
    atomic_bool woken;   /* `wake` is set, or whoever clears it has yet to look */
    pthread_mutex_t lock;
    Stash *stash;        /* guarded by lock */
    atomic_int stashed;
    pthread_mutex_t watch_lock;
    WatchLink *watches;  /* guarded by watch_lock */
    atomic_int watched;  /* what all of them want */
    struct Event *events; /* that went back, see peers.c; guarded by the interpreter lock */
    struct Hub *hub;     /* of its contexts, where the engine makes them: see branch.c */
    int64_t send_timeout, recv_timeout, linger; /* ns or FOREVER */
    _Atomic uint64_t sent, received;
    atomic_uintptr_t sender;      /* the thread that sent last; as the next two see look.c */
    _Atomic uint64_t sent_before; /* the last wait to receive */
    atomic_bool answers_soon;
    _Atomic int64_t last_send; /* monotonic ns, coarse; only kept where close() needs it */
    PyObject *error;    /* (code, doing) -> exception */
    PyObject *backend;  /* str */
    PyObject *protocol; /* str */
    PyObject *owner;
} Handle;

/* process.c: which process and thread this is */
extern atomic_uint amq_generation;
int amq_process_init(void);
void amq_set_main_thread(unsigned long ident);
bool amq_in_main_thread(void);
/* A thread that no signal is delivered to. 0, or an error number. */
int amq_thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

/* clock.c: time, poll and wake-ups; all that depends on the platform */
int64_t amq_now(void);
int64_t amq_now_coarse(void);
/* Wait until one of the descriptors is readable (negative ones are left out): a mask of 1 and 2; 0
 * when the time is over; -1 when a signal came. */
int amq_poll(int first, int second, int64_t ns);
void amq_sleep(int64_t ns);
bool amq_alone(void); /* Whether the thread has one processor alone. */
int amq_wake_open(void);
void amq_wake_set(int fd);
void amq_wake_clear(int fd);
void amq_wake_close(int fd);
/* Groups of descriptors that are readable as one, edge-triggered. -1 and errno on failure. */
int amq_group_open(void);
int amq_group_add(int group, int fd, int mask);
int amq_group_change(int group, int fd, int mask);
void amq_group_remove(int group, int fd);
/* The masks of those that had an edge; `wake` is cleared when it is among them. */
int amq_group_poll(int group, int wake);

/* errors.c: each sets an exception and returns -1 or NULL */
int amq_errors_init(void);
extern PyObject *amq_StateError;
PyObject *amq_exception(Handle *h, PyObject *type, const char *text);
int amq_fail(Handle *h, PyObject *type, const char *format, ...);
int amq_fail_closed(Handle *h);
int amq_fail_forked(Handle *h);
int amq_fail_timeout(Handle *h, int64_t timeout, const char *doing, Py_ssize_t sent);
int amq_fail_native(Handle *h, int code, const char *doing);
int amq_fail_too_large(Handle *h, size_t size, size_t room);
int amq_fail_option(const char *text);
/* Put `sent` on the exception that is set. */
void amq_error_set_sent(Py_ssize_t sent);

/* use.c: who may touch the native socket, and closing it */
int amq_use(Handle *h);     /* 0, or -1 with Closed or ForkedError set */
void amq_unuse(Handle *h);
int amq_close(Handle *h);   /* 0, or -1 with an exception from a signal handler set */
void amq_abandon(Handle *h, bool wait_for_users);
int amq_pending_closes(int64_t timeout); /* how many are left, or -1 with an exception set */
void amq_forget_pending(void);

static inline bool amq_is_open(Handle *h)
{
    return atomic_load(&h->state) == STATE_OPEN;
}

/* lend.c: memory that changes hands without a copy */
#define LEND 16384 /* bytes from which that takes less time than copying, as measured over tcp */
extern _Atomic(void *) amq_returned;
void amq_take_returned(void); /* with the interpreter lock held */
/* Make a message of an object's own memory, which must not change from now on. 0, or the library's
 * error number. */
int amq_lend(Handle *h, anymq_msg *m, PyObject *object);
/* A received message as an object with the buffer protocol. NULL, and `m` is still the caller's. */
PyObject *amq_body(Handle *h, const anymq_msg *m);
PyObject *amq_body_type(void);

/* wait.c: locking, trying, waiting */
typedef struct Operation {
    int direction; /* ANYMQ_READABLE or ANYMQ_WRITABLE */
    /* Do what can be done without blocking; ANYMQ_OK when it is complete. */
    int (*attempt)(Handle *h, struct Operation *op);
    /* Block in the library for up to ms (ANYMQ_NATIVE_WAIT); progress is kept in the operation. */
    int (*native)(Handle *h, struct Operation *op, int ms);
    bool brief; /* the attempt may keep the interpreter lock where the library is quick */
    bool once;  /* "would block" may be stale: whoever waits after it looks again (watch_want) */
} Operation;

void amq_lock(Handle *h);   /* with the interpreter lock held */
void amq_lock_raw(Handle *h);
void amq_unlock(Handle *h);
/* The same right after the socket's events were read: these. */
void amq_unlock_ready(Handle *h, int ready);
/* What is ready now of an ANYMQ_EDGE socket, the handle locked: as the library has it, and the stash. */
int amq_events(Handle *h);
/* Attempt once, with the handle in use. The result is as of the attempt. */
int amq_try(Handle *h, Operation *op);
/* Attempt, and wait until it is done: ANYMQ_OK, ANYMQ_AGAIN (time over), ANYMQ_INTERRUPTED (closed
 * meanwhile), a native error, or AMQ_RAISED with an exception from a signal handler set. */
#define AMQ_RAISED (-1000)
int amq_run(Handle *h, Operation *op, int64_t timeout);
/* Poll `fd` and the wake-up for one slice of the time that is left; then run signal handlers when
 * it is time for them. 0, or AMQ_RAISED, or ANYMQ_INTERRUPTED. */
int amq_pause(Handle *h, int fd, int64_t ns, PyThreadState **thread);
int amq_check_signals(Handle *h, PyThreadState **thread);
int amq_wake_fd(Handle *h);

/* look.c: which answers are looked for before a thread sleeps; times are amq_now()'s */
void amq_look_init(void);
void amq_look_for(int64_t ns); /* at most so long */
bool amq_look_is_asker(Handle *h, uint64_t sent);
/* Whether the receive that has to wait is one for an answer. */
static inline bool amq_look_asked(Handle *h)
{
    uint64_t sent = atomic_load_explicit(&h->sent, memory_order_relaxed);
    return sent != atomic_load_explicit(&h->sent_before, memory_order_relaxed) &&
           amq_look_is_asker(h, sent);
}
/* Until when to look, from now on; 0: not at all. Else amq_look_end() is called when it is over. */
int64_t amq_look_begin(Handle *h, int64_t now);
void amq_look_end(void);
void amq_look_answered(Handle *h, int64_t took);

/* watch.c: event loops */
void amq_watches_tell(Handle *h, int ready);
PyObject *amq_ready(Handle *h, PyObject *mask);
PyObject *amq_fileno(Handle *h, PyObject *direction);
PyObject *amq_watch_type(void);

/* direct.c: the base type of sockets and contexts; a new reference */
PyObject *amq_direct_type(void);

/* timeout.c: seconds of Python, nanoseconds of the engine */
int amq_timeout_from(PyObject *value, int64_t *out);
PyObject *amq_timeout_to(int64_t ns);
/* The optional last argument of a call: `preset` where it is missing. */
int amq_timeout_arg(PyObject *const *args, Py_ssize_t nargs, Py_ssize_t index, int64_t preset,
                    int64_t *out);

/* stash.c: what was taken from the library but not yet by the program; the handle is locked */
/* Put parts of one message at the front or the back. -1: no memory, they are still the caller's. */
int amq_stash_put(Handle *h, const anymq_msg *parts, size_t count, bool front);
Stash *amq_stash_pop(Handle *h);
void amq_stash_push(Handle *h, Stash *entry, bool front);
void amq_stash_free(Handle *h); /* all of it; with the native socket still open */
/* Where what is received answers what was sent last, the next send makes void what was put aside.
 * With the handle not locked. */
void amq_forget_answers(Handle *h);
/* After anymq_msgs were copied: a small libzmq message lies within its anymq_msg, and its body moved
 * along with it. `before` is where they were. */
void amq_follow(anymq_msg *messages, size_t count, uintptr_t before);

/* send.c, recv.c, peers.c: methods of Handle */
PyObject *amq_send(Handle *h, PyObject *const *args, Py_ssize_t nargs);
PyObject *amq_send_many(Handle *h, PyObject *const *args, Py_ssize_t nargs);
PyObject *amq_send_parts(Handle *h, PyObject *const *args, Py_ssize_t nargs);
PyObject *amq_send_message(Handle *h, PyObject *const *args, Py_ssize_t nargs);
PyObject *amq_recv(Handle *h, PyObject *const *args, Py_ssize_t nargs);
PyObject *amq_recv_nowait(Handle *h, PyObject *ignored);
PyObject *amq_recv_some(Handle *h, PyObject *max);
PyObject *amq_give_back(Handle *h, PyObject *data);
PyObject *amq_send_nowait(Handle *h, PyObject *data);
int amq_send_attempt(Handle *h, PyObject *data); /* 1: sent; 0: that would have to wait; -1 */
PyObject *amq_recv_into(Handle *h, PyObject *const *args, Py_ssize_t nargs);
PyObject *amq_recv_many(Handle *h, PyObject *const *args, Py_ssize_t nargs);
PyObject *amq_recv_parts(Handle *h, PyObject *const *args, Py_ssize_t nargs);
PyObject *amq_recv_message(Handle *h, PyObject *const *args, Py_ssize_t nargs);
PyObject *amq_peers(Handle *h, PyObject *const *args, Py_ssize_t nargs);
PyObject *amq_wait_peers(Handle *h, PyObject *const *args, Py_ssize_t nargs);
PyObject *amq_next_event(Handle *h, PyObject *const *args, Py_ssize_t nargs);
void amq_events_free(Handle *h);
PyObject *amq_flush(Handle *h, PyObject *const *args, Py_ssize_t nargs);

/* turns.c and call.c: awaiting calls */
int amq_calls_types(PyObject *module);
PyObject *amq_call_type(void);

/* branch.c */
PyObject *amq_branch(Handle *h, PyObject *const *args, Py_ssize_t nargs);
int amq_fail_hub(Handle *h);  /* the socket's own calls, once it has branches */
void amq_hub_stop(Handle *h); /* before the native socket is closed */

/* handle.c */
extern PyTypeObject *amq_handle_class;
PyObject *amq_handle_type(void);

#endif
