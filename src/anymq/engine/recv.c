/* Receiving: one message, into a buffer, many, in parts, with its protocol header.
 *
 * A message that was taken from the library but does not fit what was asked for goes to the handle's
 * stash (stash.c). Nothing that the library delivered is ever dropped here.
 */
#include "engine.h"
#include "anymq_pages.h"

#include <stdlib.h>
#include <string.h>

#define BIG 65536 /* bytes from which copying is worth releasing the interpreter lock */
#define CHUNK 64  /* messages taken at a time in a batch */

/* Results of an attempt besides those of anymq_ops.h. */
enum {
    MULTIPART = -10, /* the next message has several parts and one was asked for */
    NO_MEMORY = -11,
};

typedef struct ReceiveOperation {
    Operation base;
    anymq_msg *messages;
    size_t room;  /* messages that may be taken */
    size_t count; /* messages or parts that were taken */
    bool parts;   /* all parts of one message; `messages` grows with malloc */
} ReceiveOperation;

static bool grow(ReceiveOperation *op)
{
    size_t room = op->room < 4 ? 8 : op->room * 2;
    anymq_msg *larger = malloc(room * sizeof *larger);
    if (larger == NULL)
        return false;
    memcpy(larger, op->messages, op->count * sizeof *larger);
    amq_follow(larger, op->count, (uintptr_t)op->messages);
    free(op->messages);
    op->messages = larger;
    op->room = room;
    return true;
}

/* Take the stash's first message if there is one and it fits the operation. */
static int take_stashed(Handle *h, ReceiveOperation *op)
{
    if (!atomic_load_explicit(&h->stashed, memory_order_relaxed))
        return ANYMQ_AGAIN;
    Stash *entry = amq_stash_pop(h);
    if (entry == NULL)
        return ANYMQ_AGAIN;
    int result = entry->count > 1 && !op->parts ? MULTIPART : ANYMQ_OK;
    while (op->parts && op->room < entry->count && result == ANYMQ_OK)
        if (!grow(op))
            result = NO_MEMORY;
    if (result != ANYMQ_OK) {
        amq_stash_push(h, entry, true);
        return result;
    }
    memcpy(op->messages + op->count, entry->parts, entry->count * sizeof *entry->parts);
    amq_follow(op->messages + op->count, entry->count, (uintptr_t)entry->parts);
    op->count += entry->count;
    free(entry);
    return ANYMQ_OK;
}

/* No memory for a message of several parts, of which some were taken: without the rest of it, the next
 * message would seem to begin there. */
static int drop_rest(Handle *h)
{
    anymq_msg part = {.flags = ANYMQ_MORE};
    while (part.flags & ANYMQ_MORE && h->ops->try_recv(h->sock, &part) == ANYMQ_OK) {
        bool more = part.flags & ANYMQ_MORE;
        h->ops->msg_release(h->sock, &part);
        part.flags = more ? ANYMQ_MORE : 0;
    }
    return NO_MEMORY;
}

/* The rest of a message whose first part has arrived: it is there already, or will be at once. */
static int take_rest(Handle *h, ReceiveOperation *op)
{
    while (op->messages[op->count - 1].flags & ANYMQ_MORE) {
        if (op->count == op->room && !grow(op))
            return drop_rest(h);
        int result = h->ops->try_recv(h->sock, &op->messages[op->count]);
        if (result != ANYMQ_OK)
            return result;
        op->count++;
    }
    return ANYMQ_OK;
}

/* A message of several parts arrived where one was asked for: keep it for recv_parts. */
static int keep_multipart(Handle *h, anymq_msg *first)
{
    ReceiveOperation all = {.messages = malloc(8 * sizeof(anymq_msg)), .room = 8, .parts = true};
    if (all.messages == NULL) {
        h->ops->msg_release(h->sock, first);
        return drop_rest(h);
    }
    all.messages[all.count++] = *first;
    amq_follow(all.messages, 1, (uintptr_t)first);
    int result = take_rest(h, &all);
    if (result == ANYMQ_OK && amq_stash_put(h, all.messages, all.count, false) < 0)
        result = NO_MEMORY;
    if (result != ANYMQ_OK)
        for (size_t i = 0; i < all.count; i++)
            h->ops->msg_release(h->sock, &all.messages[i]);
    free(all.messages);
    return result == ANYMQ_OK ? MULTIPART : result;
}

static int attempt_recv(Handle *h, Operation *base)
{
    ReceiveOperation *op = (ReceiveOperation *)base;
    int result = take_stashed(h, op);
    if (result != ANYMQ_AGAIN)
        return result;
    if (op->parts) {
        if (op->count == 0) {
            result = h->ops->try_recv(h->sock, &op->messages[0]);
            if (result != ANYMQ_OK)
                return result;
            op->count = 1;
        }
        return take_rest(h, op);
    }
    while (op->count < op->room) {
        anymq_msg *m = &op->messages[op->count];
        result = h->ops->try_recv(h->sock, m);
        if (result == ANYMQ_OK && m->flags & ANYMQ_MORE)
            result = keep_multipart(h, m);
        if (result != ANYMQ_OK)
            return op->count > 0 ? ANYMQ_OK : result;
        op->count++;
    }
    return ANYMQ_OK;
}

static int native_recv(Handle *h, Operation *base, int ms)
{
    ReceiveOperation *op = (ReceiveOperation *)base;
    int result = take_stashed(h, op);
    if (result != ANYMQ_AGAIN)
        return result;
    result = h->ops->wait_recv(h->sock, &op->messages[0], ms);
    if (result == ANYMQ_OK) {
        op->count = 1;
        if (op->room > 1 && !op->parts)
            attempt_recv(h, base);
    }
    return result;
}

static int report(Handle *h, int result, int64_t timeout)
{
    switch (result) {
    case ANYMQ_AGAIN:
        return amq_fail_timeout(h, timeout, "receive", 0);
    case ANYMQ_INTERRUPTED:
        return amq_fail_closed(h);
    case MULTIPART:
        return amq_fail(h, amq_StateError,
                        "the next message has several parts: take it with recv_parts()");
    case NO_MEMORY:
        PyErr_NoMemory();
        return -1;
    case AMQ_RAISED:
        return -1;
    default:
        return amq_fail_native(h, result, "receive");
    }
}

/* Receive with the handle in use: 0 and op->count messages, or -1 with an exception set. */
static int receive(Handle *h, ReceiveOperation *op, int64_t timeout)
{
    int result = amq_run(h, &op->base, timeout);
    if (result == ANYMQ_OK) {
        atomic_fetch_add_explicit(&h->received, op->parts ? 1 : op->count, memory_order_relaxed);
        return 0;
    }
    while (op->count > 0) /* parts of a message whose rest could not be taken */
        h->ops->msg_release(h->sock, &op->messages[--op->count]);
    return report(h, result, timeout);
}

/* Copy a message and free it. */
static void copy_out(Handle *h, anymq_msg *m, void *target)
{
    if (m->size < BIG) {
        memcpy(target, m->data, m->size);
        h->ops->msg_release(h->sock, m);
        return;
    }
    Py_BEGIN_ALLOW_THREADS
    memcpy(target, m->data, m->size);
    h->ops->msg_release(h->sock, m);
    Py_END_ALLOW_THREADS
}

/* Loops that wait to receive are told of what was put in the stash; of an ANYMQ_EDGE socket amq_unlock has
 * told all. */
static void tell_stashed(Handle *h)
{
    if (!(h->traits & ANYMQ_EDGE) && atomic_load(&h->watched) & ANYMQ_READABLE)
        amq_watches_tell(h, ANYMQ_READABLE);
}

/* What the program cannot be given is what is received next: so many messages, or as many parts of one.
 * False where there was no memory for that either. */
static bool put_back(Handle *h, anymq_msg *messages, size_t count, bool parts)
{
    size_t each = parts ? count : 1;
    bool kept = true;
    amq_lock(h);
    for (size_t end = count; end > 0; end -= each)
        if (amq_stash_put(h, &messages[end - each], each, true) < 0) {
            kept = false;
            for (size_t i = end - each; i < end; i++)
                h->ops->msg_release(h->sock, &messages[i]);
        }
    amq_unlock(h);
    tell_stashed(h);
    atomic_fetch_sub_explicit(&h->received, count / each, memory_order_relaxed);
    return kept;
}

/* Make one object of a received message and free it; on failure it is kept in the stash. */
static PyObject *consume(Handle *h, anymq_msg *m, PyObject *(*make)(Handle *, anymq_msg *))
{
    PyObject *object = make(h, m);
    if (object == NULL)
        put_back(h, m, 1, false);
    return object;
}

/* `bytes` for a message, not filled yet. */
static PyObject *room_for(const anymq_msg *m)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)m->size);
    if (bytes != NULL && m->size >= BIG)
        anymq_large_pages(PyBytes_AsString(bytes), m->size);
    return bytes;
}

static PyObject *make_bytes(Handle *h, anymq_msg *m)
{
    PyObject *bytes = room_for(m);
    if (bytes != NULL)
        copy_out(h, m, PyBytes_AsString(bytes));
    return bytes;
}

/* (header, body, peer). The body is made last, for then the message is gone. */
static PyObject *make_message(Handle *h, anymq_msg *m)
{
    PyObject *message = PyTuple_New(3), *body = NULL;
    PyObject *header = PyBytes_FromStringAndSize(m->header, (Py_ssize_t)m->header_size);
    PyObject *peer = PyLong_FromUnsignedLong(m->peer);
    if (message != NULL && header != NULL && peer != NULL)
        body = m->size >= LEND && h->ops->msg_free != NULL ? amq_body(h, m) : make_bytes(h, m);
    if (body == NULL) {
        Py_XDECREF(message);
        Py_XDECREF(header);
        Py_XDECREF(peer);
        return NULL;
    }
    PyTuple_SetItem(message, 0, header);
    PyTuple_SetItem(message, 1, body);
    PyTuple_SetItem(message, 2, peer);
    return message;
}

/* Arguments and direction of a receive whose time limit is argument `index`. */
static int begin(Handle *h, PyObject *const *args, Py_ssize_t nargs, Py_ssize_t index,
                 int64_t *timeout)
{
    if (amq_timeout_arg(args, nargs, index, h->recv_timeout, timeout) < 0)
        return -1;
    if (!h->can_recv && h->hub != NULL)
        return amq_fail_hub(h);
    if (!h->can_recv)
        return amq_fail(h, amq_StateError, "a %U socket only sends; it cannot receive",
                        h->protocol);
    return amq_use(h);
}

static ReceiveOperation operation(anymq_msg *messages, size_t room, bool parts)
{
    return (ReceiveOperation){
        {ANYMQ_READABLE, attempt_recv, native_recv, true, false}, messages, room, 0, parts};
}

static PyObject *recv_one(Handle *h, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *(*make)(Handle *, anymq_msg *))
{
    int64_t timeout;
    if (begin(h, args, nargs, 0, &timeout) < 0)
        return NULL;
    anymq_msg message;
    ReceiveOperation op = operation(&message, 1, false);
    PyObject *object = receive(h, &op, timeout) < 0 ? NULL : consume(h, &message, make);
    amq_unuse(h);
    return object;
}

PyObject *amq_recv(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    return recv_one(h, args, nargs, make_bytes);
}

PyObject *amq_recv_nowait(Handle *h, PyObject *Py_UNUSED(ignored))
{
    int64_t timeout;
    if (begin(h, NULL, 0, 0, &timeout) < 0)
        return NULL;
    anymq_msg message;
    ReceiveOperation op = operation(&message, 1, false);
    op.base.once = true;
    PyObject *object = NULL;
    int result = amq_try(h, &op.base);
    if (result == ANYMQ_OK) {
        atomic_fetch_add_explicit(&h->received, 1, memory_order_relaxed);
        object = consume(h, &message, make_bytes);
    } else if (result == ANYMQ_AGAIN) {
        object = Py_NewRef(Py_None);
    } else {
        report(h, result, 0);
    }
    amq_unuse(h);
    return object;
}

PyObject *amq_give_back(Handle *h, PyObject *data)
{
    char *bytes;
    Py_ssize_t size;
    anymq_msg message;
    if (PyBytes_AsStringAndSize(data, &bytes, &size) < 0 || amq_use(h) < 0)
        return NULL;
    int result = h->ops->msg_init(h->sock, &message, NULL, 0, bytes, (size_t)size);
    if (result == 0) {
        amq_lock(h);
        result = amq_stash_put(h, &message, 1, true) < 0 ? NO_MEMORY : 0;
        amq_unlock(h);
        tell_stashed(h);
        if (result == 0)
            atomic_fetch_sub_explicit(&h->received, 1, memory_order_relaxed);
        else
            h->ops->msg_release(h->sock, &message);
    }
    if (result != 0)
        report(h, result, 0);
    amq_unuse(h);
    return result != 0 ? NULL : Py_NewRef(Py_None);
}

PyObject *amq_recv_message(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    return recv_one(h, args, nargs, make_message);
}

PyObject *amq_recv_into(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t timeout;
    Py_buffer buffer;
    if (PyObject_GetBuffer(args[0], &buffer, PyBUF_WRITABLE) < 0)
        return NULL;
    PyObject *written = NULL;
    if (begin(h, args, nargs, 1, &timeout) == 0) {
        anymq_msg message;
        ReceiveOperation op = operation(&message, 1, false);
        if (receive(h, &op, timeout) == 0) {
            size_t size = message.size;
            bool fits = size <= (size_t)buffer.len;
            if (fits && (written = PyLong_FromSize_t(size)) != NULL)
                copy_out(h, &message, buffer.buf);
            else if (!put_back(h, &message, 1, false))
                PyErr_NoMemory();
            else if (!fits)
                amq_fail_too_large(h, size, (size_t)buffer.len);
        }
        amq_unuse(h);
    }
    PyBuffer_Release(&buffer);
    return written;
}

/* Rooms for messages, in a list, not filled yet: until they are there, nothing may be lost. */
static PyObject *rooms_for(const anymq_msg *messages, size_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; i < count && list != NULL; i++) {
        PyObject *bytes = room_for(&messages[i]);
        if (bytes != NULL)
            PyList_SetItem(list, (Py_ssize_t)i, bytes);
        else
            Py_CLEAR(list);
    }
    return list;
}

/* Have the memory ready that is about to be filled. Rooms made one after the other mostly lie so: each
 * piece of such is looked at once, and no page but theirs is touched. */
static void make_ready(char **room, const anymq_msg *messages, size_t count)
{
    uintptr_t begin = 0, end = 0;
    for (size_t i = 0; i < count; i++) {
        uintptr_t at = (uintptr_t)room[i];
        if (at < end || at - end >= ANYMQ_SMALL_PAGE) {
            anymq_fresh_pages(begin, end);
            begin = at;
        }
        end = at + messages[i].size;
    }
    anymq_fresh_pages(begin, end);
}

static void fill(Handle *h, char **room, anymq_msg *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(room[i], messages[i].data, messages[i].size);
        h->ops->msg_release(h->sock, &messages[i]);
    }
}

/* Make bytes of a batch and put them at the end of a list, which is made of the first. On failure all of
 * the batch goes back to the stash, and the list is as it was. */
static int append_all(Handle *h, PyObject **list, anymq_msg *messages, size_t count)
{
    char *room[CHUNK];
    bool large = false;
    PyObject *rooms = rooms_for(messages, count);
    if (rooms != NULL && *list != NULL) {
        Py_ssize_t end = PyList_Size(*list);
        if (PyList_SetSlice(*list, end, end, rooms) < 0)
            Py_CLEAR(rooms);
    }
    if (rooms == NULL) {
        put_back(h, messages, count, false);
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        room[i] = PyBytes_AsString(PyList_GetItem(rooms, (Py_ssize_t)i));
        large |= messages[i].size >= BIG;
    }
    if (*list == NULL)
        *list = rooms;
    else
        Py_DECREF(rooms);
    if (large) {
        Py_BEGIN_ALLOW_THREADS
        make_ready(room, messages, count);
        fill(h, room, messages, count);
        Py_END_ALLOW_THREADS
    } else {
        fill(h, room, messages, count);
    }
    return 0;
}

static ReceiveOperation batch(anymq_msg messages[CHUNK], size_t max, bool once)
{
    ReceiveOperation op = operation(messages, max < CHUNK ? max : CHUNK, false);
    op.base.once = once;
    return op;
}

/* The list of a batch whose first messages were taken, and of what else is there, `max` in all. NULL: no
 * memory for the first. What goes wrong later is met again by the next call: what there is comes first. */
static PyObject *take_batch(Handle *h, ReceiveOperation *op, size_t max)
{
    PyObject *list = NULL;
    while (append_all(h, &list, op->messages, op->count) == 0) {
        bool full = op->count == op->room;
        max -= op->count;
        *op = batch(op->messages, max, op->base.once);
        if (!full || max == 0 || amq_try(h, &op->base) != ANYMQ_OK)
            return list;
        atomic_fetch_add_explicit(&h->received, op->count, memory_order_relaxed);
    }
    if (list != NULL)
        PyErr_Clear();
    return list;
}

PyObject *amq_recv_many(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t timeout;
    Py_ssize_t max = PyLong_AsSsize_t(args[0]);
    if (max == -1 && PyErr_Occurred())
        return NULL;
    if (max < 1) {
        amq_fail_option("recv_many takes at least one message: max must be 1 or more");
        return NULL;
    }
    if (begin(h, args, nargs, 1, &timeout) < 0)
        return NULL;
    anymq_msg messages[CHUNK];
    ReceiveOperation op = batch(messages, (size_t)max, false);
    PyObject *list = receive(h, &op, timeout) < 0 ? NULL : take_batch(h, &op, (size_t)max);
    amq_unuse(h);
    return list;
}

PyObject *amq_recv_some(Handle *h, PyObject *argument)
{
    int64_t timeout;
    Py_ssize_t max = PyLong_AsSsize_t(argument);
    if ((max == -1 && PyErr_Occurred()) || begin(h, NULL, 0, 0, &timeout) < 0)
        return NULL;
    anymq_msg messages[CHUNK];
    ReceiveOperation op = batch(messages, max > 0 ? (size_t)max : 0, true);
    int result = max > 0 ? amq_try(h, &op.base) : ANYMQ_AGAIN;
    PyObject *list = NULL;
    if (result == ANYMQ_OK) {
        atomic_fetch_add_explicit(&h->received, op.count, memory_order_relaxed);
        list = take_batch(h, &op, (size_t)max);
    } else if (result == ANYMQ_AGAIN) {
        list = PyList_New(0);
    } else {
        report(h, result, 0);
    }
    amq_unuse(h);
    return list;
}

PyObject *amq_recv_parts(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t timeout;
    if (begin(h, args, nargs, 0, &timeout) < 0)
        return NULL;
    ReceiveOperation op = operation(malloc(8 * sizeof(anymq_msg)), 8, true);
    PyObject *list = NULL;
    if (op.messages == NULL)
        PyErr_NoMemory();
    else if (receive(h, &op, timeout) == 0) {
        list = rooms_for(op.messages, op.count);
        if (list == NULL)
            put_back(h, op.messages, op.count, true);
        for (size_t i = 0; i < op.count && list != NULL; i++)
            copy_out(h, &op.messages[i], PyBytes_AsString(PyList_GetItem(list, (Py_ssize_t)i)));
    }
    free(op.messages);
    amq_unuse(h);
    return list;
}
