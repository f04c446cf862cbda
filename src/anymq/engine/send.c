/* Sending: one message, many, one of several parts, one with a protocol header.
 *
 * Messages are prepared (copied into the library's memory) first and then offered one after the
 * other, so that waiting never copies again. One that could not be sent is released here: the
 * program still has what it passed.
 */
#include "engine.h"

#define BIG 65536      /* bytes from which copying is worth releasing the interpreter lock */
#define CHUNK 64       /* messages prepared at a time in a batch */
#define CHUNK_BYTES (1 << 18) /* and their bytes: the other side waits while they are copied */

/* What the program passed, kept alive and in place. */
typedef struct Payload {
    const void *data;
    size_t size;
    PyObject *held;
    Py_buffer view;
} Payload;

static int payload_open(Payload *p, PyObject *object)
{
    if (PyBytes_CheckExact(object)) {
        char *data;
        Py_ssize_t size;
        PyBytes_AsStringAndSize(object, &data, &size);
        p->data = data;
        p->size = (size_t)size;
        p->held = Py_NewRef(object);
        return 0;
    }
    p->held = NULL;
    if (PyUnicode_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "a message is bytes, not str: send text.encode() instead");
        return -1;
    }
    if (!PyObject_CheckBuffer(object)) {
        PyObject *name = PyType_GetQualName(Py_TYPE(object));
        if (name != NULL)
            PyErr_Format(PyExc_TypeError, "a message is bytes-like, not %U", name);
        Py_XDECREF(name);
        return -1;
    }
    if (PyObject_GetBuffer(object, &p->view, PyBUF_SIMPLE) < 0)
        return -1;
    p->data = p->view.buf;
    p->size = (size_t)p->view.len;
    return 0;
}

static void payload_close(Payload *p)
{
    if (p->held != NULL)
        Py_DECREF(p->held);
    else
        PyBuffer_Release(&p->view);
}

typedef struct SendOperation {
    Operation base;
    anymq_msg *messages;
    size_t count;
    size_t done;
} SendOperation;

static int attempt_send(Handle *h, Operation *base)
{
    SendOperation *op = (SendOperation *)base;
    while (op->done < op->count) {
        int result = h->ops->try_send(h->sock, &op->messages[op->done]);
        if (result != ANYMQ_OK)
            return result;
        op->done++;
    }
    return ANYMQ_OK;
}

static int native_send(Handle *h, Operation *base, int ms)
{
    SendOperation *op = (SendOperation *)base;
    int result = h->ops->wait_send(h->sock, &op->messages[op->done], ms);
    if (result != ANYMQ_OK)
        return result;
    op->done++;
    return attempt_send(h, base);
}

/* Make a message of a payload. `given` is what the program has given away and will not change, as no
 * `bytes` ever does: both can be lent. */
static int prepare(Handle *h, anymq_msg *m, const Payload *header, const Payload *body,
                   PyObject *given)
{
    const void *header_data = header != NULL ? header->data : NULL;
    size_t header_size = header != NULL ? header->size : 0;
    int result;
    if (body->held != NULL)
        given = body->held;
    if (body->size >= LEND && given != NULL && header_size == 0 && h->ops->msg_lend != NULL)
        return amq_lend(h, m, given);
    if (body->size < BIG)
        return h->ops->msg_init(h->sock, m, header_data, header_size, body->data, body->size);
    Py_BEGIN_ALLOW_THREADS
    result = h->ops->msg_init(h->sock, m, header_data, header_size, body->data, body->size);
    Py_END_ALLOW_THREADS
    return result;
}

static void note_sent(Handle *h, size_t count)
{
    atomic_fetch_add_explicit(&h->sent, count, memory_order_relaxed);
    atomic_store_explicit(&h->sender, (uintptr_t)pthread_self(), memory_order_relaxed);
    if (!(h->traits & ANYMQ_LINGERS))
        atomic_store_explicit(&h->last_send, amq_now_coarse(), memory_order_relaxed);
}

/* Send what can be sent at once, and without a message made first: how many. The first that could not be
 * sent, for whatever reason, goes the way of those that may have to wait. */
static size_t send_copies(Handle *h, const Payload *payloads, size_t count)
{
    size_t done = 0;
    if (h->ops->try_send_copy == NULL)
        return 0;
    amq_lock(h);
    while (done < count && payloads[done].size < LEND &&
           h->ops->try_send_copy(h->sock, payloads[done].data, payloads[done].size) == ANYMQ_OK)
        done++;
    amq_unlock(h);
    if (done > 0)
        note_sent(h, done);
    return done;
}

/* One call's limits: what the program asked for, and what a batch has used of it. */
typedef struct Limits {
    int64_t asked;
    int64_t left;
    bool batch;        /* the messages are separate ones, and errors tell how many were sent */
    Py_ssize_t before; /* sent by earlier chunks of this batch */
} Limits;

/* Send prepared messages, in use. Releases those that were not sent. 0, or -1 with an exception
 * whose `sent` counts the whole batch. */
static int send_prepared(Handle *h, anymq_msg *messages, size_t count, const Limits *limits,
                         size_t *done)
{
    SendOperation op = {
        {ANYMQ_WRITABLE, attempt_send, native_send, true, false}, messages, count, 0};
    int result = amq_run(h, &op.base, limits->left);
    for (size_t i = op.done; i < count; i++)
        h->ops->msg_release(h->sock, &messages[i]);
    if (result != ANYMQ_OK)
        amq_take_returned(); /* what was lent in vain is the program's again */
    *done = op.done;
    if (op.done > 0)
        note_sent(h, limits->batch ? op.done : 1);
    Py_ssize_t sent = limits->batch ? limits->before + (Py_ssize_t)op.done : 0;
    switch (result) {
    case ANYMQ_OK:
        return 0;
    case ANYMQ_AGAIN:
        return amq_fail_timeout(h, limits->asked, "send", sent);
    case ANYMQ_INTERRUPTED:
        amq_fail_closed(h);
        break;
    case AMQ_RAISED:
        break;
    default:
        amq_fail_native(h, result, "send");
    }
    if (limits->batch)
        amq_error_set_sent(sent);
    return -1;
}

static int check_direction(Handle *h)
{
    if (h->can_send)
        return 0;
    if (h->hub != NULL)
        return amq_fail_hub(h);
    return amq_fail(h, amq_StateError, "a %U socket only receives; it cannot send", h->protocol);
}

/* The common way of a single message. */
static PyObject *send_one(Handle *h, PyObject *header, PyObject *body, PyObject *given,
                          int64_t timeout)
{
    Payload head, payload;
    anymq_msg message;
    size_t done;
    int result = -1;
    if (header != NULL && payload_open(&head, header) < 0)
        return NULL;
    if (payload_open(&payload, body) == 0) {
        if (amq_use(h) == 0) {
            const Limits limits = {timeout, timeout, false, 0};
            amq_forget_answers(h);
            if (header == NULL && send_copies(h, &payload, 1) == 1) {
                result = 0;
            } else {
                int code = prepare(h, &message, header != NULL ? &head : NULL, &payload, given);
                result = code != 0 ? amq_fail_native(h, code, "send")
                                   : send_prepared(h, &message, 1, &limits, &done);
            }
            amq_unuse(h);
        }
        payload_close(&payload);
    }
    if (header != NULL)
        payload_close(&head);
    if (result < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyObject *amq_send(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t timeout;
    if (amq_timeout_arg(args, nargs, 1, h->send_timeout, &timeout) < 0 || check_direction(h) < 0)
        return NULL;
    return send_one(h, NULL, args[0], NULL, timeout);
}

int amq_send_attempt(Handle *h, PyObject *data)
{
    Payload payload;
    anymq_msg message;
    int result = AMQ_RAISED;
    if (check_direction(h) < 0 || payload_open(&payload, data) < 0)
        return -1;
    if (amq_use(h) == 0) {
        amq_forget_answers(h);
        if (send_copies(h, &payload, 1) == 1) {
            result = ANYMQ_OK;
        } else if ((result = prepare(h, &message, NULL, &payload, NULL)) == 0) {
            SendOperation op = {
                {ANYMQ_WRITABLE, attempt_send, native_send, true, true}, &message, 1, 0};
            result = amq_try(h, &op.base);
            if (result != ANYMQ_OK)
                h->ops->msg_release(h->sock, &message);
            else
                note_sent(h, 1);
        }
        if (result == ANYMQ_INTERRUPTED)
            amq_fail_closed(h);
        else if (result != ANYMQ_OK && result != ANYMQ_AGAIN)
            amq_fail_native(h, result, "send");
        amq_unuse(h);
    }
    payload_close(&payload);
    if (result == ANYMQ_OK)
        return 1;
    return result == ANYMQ_AGAIN ? 0 : -1;
}

PyObject *amq_send_nowait(Handle *h, PyObject *data)
{
    int sent = amq_send_attempt(h, data);
    return sent < 0 ? NULL : PyBool_FromLong(sent);
}

PyObject *amq_send_message(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t timeout;
    if (amq_timeout_arg(args, nargs, 2, h->send_timeout, &timeout) < 0 || check_direction(h) < 0)
        return NULL;
    return send_one(h, args[0], args[1], args[1], timeout);
}

/* Prepare and send `count` payloads; as parts of one message or one by one. */
static int send_payloads(Handle *h, Payload *payloads, anymq_msg *messages, size_t count,
                         const Limits *limits, size_t *done)
{
    *done = 0;
    if (amq_use(h) < 0)
        return -1;
    amq_forget_answers(h);
    int result = 0;
    Limits rest = *limits;
    size_t copied = limits->batch ? send_copies(h, payloads, count) : 0;
    rest.before += (Py_ssize_t)copied;
    payloads += copied;
    count -= copied;
    for (size_t i = 0; i < count; i++) {
        int code = prepare(h, &messages[i], NULL, &payloads[i], NULL);
        if (code != 0) {
            while (i-- > 0)
                h->ops->msg_release(h->sock, &messages[i]);
            result = amq_fail_native(h, code, "send");
            amq_error_set_sent(rest.before);
            break;
        }
        if (!limits->batch && i + 1 < count)
            messages[i].flags |= ANYMQ_MORE;
    }
    if (result == 0 && count > 0)
        result = send_prepared(h, messages, count, &rest, done);
    *done += copied;
    amq_unuse(h);
    return result;
}

PyObject *amq_send_parts(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t timeout;
    if (amq_timeout_arg(args, nargs, 1, h->send_timeout, &timeout) < 0 || check_direction(h) < 0)
        return NULL;
    PyObject *list = PySequence_Tuple(args[0]);
    if (list == NULL)
        return NULL;
    size_t count = (size_t)PyTuple_Size(list), opened = 0, done;
    Payload *payloads = PyMem_Malloc((count + 1) * sizeof *payloads);
    anymq_msg *messages = PyMem_Malloc((count + 1) * sizeof *messages);
    const Limits limits = {timeout, timeout, false, 0};
    int result = -1;
    if (count == 0) {
        amq_fail(h, amq_StateError, "a message has at least one part");
    } else if (payloads == NULL || messages == NULL) {
        PyErr_NoMemory();
    } else {
        while (opened < count &&
               payload_open(&payloads[opened], PyTuple_GetItem(list, (Py_ssize_t)opened)) == 0)
            opened++;
        if (opened == count)
            result = send_payloads(h, payloads, messages, count, &limits, &done);
        while (opened-- > 0)
            payload_close(&payloads[opened]);
    }
    PyMem_Free(payloads);
    PyMem_Free(messages);
    Py_DECREF(list);
    if (result < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* Where a batch's messages come from. A list or tuple is read some way ahead; of any other
 * iterable one item at a time is taken, so that a time-out loses at most that one. */
typedef struct Source {
    PyObject *sequence;
    PyObject *iterator;
    PyObject *(*get)(PyObject *, Py_ssize_t);
    Py_ssize_t next;
    size_t ahead;
} Source;

static int source_open(Source *s, PyObject *items)
{
    *s = (Source){NULL, NULL, PyList_GetItem, 0, CHUNK};
    if (PyTuple_Check(items))
        s->get = PyTuple_GetItem;
    if (PyList_Check(items) || PyTuple_Check(items)) {
        s->sequence = Py_NewRef(items);
        return 0;
    }
    if (PyUnicode_Check(items) || PyBytes_Check(items) || PyByteArray_Check(items)) {
        PyErr_SetString(PyExc_TypeError,
                        "send_many takes an iterable of messages; use send for a single one");
        return -1;
    }
    s->ahead = 1;
    s->iterator = PyObject_GetIter(items);
    return s->iterator == NULL ? -1 : 0;
}

static void source_close(Source *s)
{
    Py_XDECREF(s->sequence);
    Py_XDECREF(s->iterator);
}

/* The next item, or NULL: at the end, or with an exception set. */
static PyObject *source_next(Source *s)
{
    if (s->iterator != NULL)
        return PyIter_Next(s->iterator);
    PyObject *item = s->get(s->sequence, s->next++);
    if (item == NULL) /* beyond its end */
        PyErr_Clear();
    return Py_XNewRef(item);
}

PyObject *amq_send_many(Handle *h, PyObject *const *args, Py_ssize_t nargs)
{
    int64_t timeout, left;
    Source source;
    if (amq_timeout_arg(args, nargs, 1, h->send_timeout, &timeout) < 0 || check_direction(h) < 0 ||
        source_open(&source, args[0]) < 0)
        return NULL;
    int64_t deadline = timeout <= 0 ? 0 : amq_now() + timeout;
    Payload payloads[CHUNK];
    anymq_msg messages[CHUNK];
    Py_ssize_t sent = 0;
    int result = amq_is_open(h) ? 0 : amq_fail_closed(h);
    for (bool more = true; more && result == 0;) {
        size_t count = 0, bytes = 0, done = 0;
        while (count < source.ahead && bytes < CHUNK_BYTES) {
            PyObject *item = source_next(&source);
            more = item != NULL && payload_open(&payloads[count], item) == 0;
            Py_XDECREF(item);
            if (!more)
                break;
            bytes += payloads[count++].size;
        }
        PyObject *type, *value, *traceback; /* of a bad item: what came before it is sent first */
        PyErr_Fetch(&type, &value, &traceback);
        if (count > 0) {
            left = timeout <= 0 ? timeout : deadline - amq_now();
            left = timeout > 0 && left <= 0 ? 1 : left;
            const Limits limits = {timeout, left, true, sent};
            result = send_payloads(h, payloads, messages, count, &limits, &done);
            sent += (Py_ssize_t)done;
            for (size_t i = 0; i < count; i++)
                payload_close(&payloads[i]);
        }
        if (type == NULL) {
            if (result == 0 && PyErr_CheckSignals() < 0) { /* a long batch may never wait */
                amq_error_set_sent(sent);
                result = -1;
            }
            continue;
        }
        if (result == 0) {
            PyErr_Restore(type, value, traceback);
            amq_error_set_sent(sent);
            result = -1;
        } else {
            Py_XDECREF(type);
            Py_XDECREF(value);
            Py_XDECREF(traceback);
        }
    }
    source_close(&source);
    return result < 0 ? NULL : PyLong_FromSsize_t(sent);
}
