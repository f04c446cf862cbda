/* Awaiting calls: what call.c and turns.c share. */
#ifndef ANYMQ_CALLS_H
#define ANYMQ_CALLS_H

#include "engine.h"

#define TURN 64 /* calls in a row that may succeed at once before the loop gets a turn */

/* The waits of one socket in one loop, as far as a call that need not wait has to know them. */
typedef struct Turns {
    PyObject_HEAD
    PyObject *loop;
    PyObject *senders, *receivers; /* those who wait */
    unsigned long thread;          /* where the loop ran when it was last asked which one runs */
    int turn;                      /* calls that are left */
} Turns;

/* The awaiting calls of one socket or context. */
typedef struct Calls {
    PyObject_HEAD
    Handle *handle;
    Turns *here; /* of the loop of the last call; NULL: there was none */
} Calls;

/* Interned names, of methods and modules. */
extern struct amq_names {
    PyObject *send, *recv, *wait_to_send, *wait_to_recv, *framed, *throw, *close, *trio, *anyio;
} amq_names;

/* The waits of the loop that runs here, borrowed; NULL where it takes Python to know. */
Turns *amq_turns_here(Calls *calls);

/* A new coroutine that keeps `owner`; `data` is NULL to receive, `limit` NULL for the handle's own. */
PyObject *amq_call(Calls *calls, PyObject *owner, PyObject *data, PyObject *limit);

#endif
