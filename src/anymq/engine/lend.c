/* Memory that changes hands without a copy, both ways, where the library can (anymq_ops.h).
 *
 * A large `bytes` that is sent, or the body of a Message that is given away, is lent to the library,
 * which returns it from whatever thread used it last. That thread has no interpreter lock and must not
 * wait for it, so what is returned stands in a line until the next call of any handle, or Python's
 * main thread, takes it down. A large message that was received as a Message stays the library's
 * memory, behind a Body, until nobody looks at it any more; its socket may be closed long before.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Loan {
    struct Loan *next;
    Py_buffer view; /* keeps the object alive and its memory in place */
} Loan;

_Atomic(void *) amq_returned; /* Loans, the last one first */

void amq_take_returned(void)
{
    Loan *loan = atomic_exchange(&amq_returned, NULL);
    while (loan != NULL) {
        Loan *next = loan->next;
        PyBuffer_Release(&loan->view);
        free(loan);
        loan = next;
    }
}

static int take_returned(void *Py_UNUSED(ignored))
{
    amq_take_returned();
    return 0;
}

/* Called by the library, by any thread. */
static void give_back(void *Py_UNUSED(data), void *hint)
{
    Loan *loan = hint;
    void *first = atomic_load(&amq_returned);
    do
        loan->next = first;
    while (!atomic_compare_exchange_weak(&amq_returned, &first, loan));
    /* Where that fails, or Python is gone, the next call takes it, or nobody needs to. */
    if (first == NULL && Py_IsInitialized())
        Py_AddPendingCall(take_returned, NULL);
}

int amq_lend(Handle *h, anymq_msg *m, PyObject *object)
{
    Loan *loan = malloc(sizeof *loan);
    if (loan == NULL)
        return ENOMEM;
    if (PyObject_GetBuffer(object, &loan->view, PyBUF_SIMPLE) < 0) {
        PyErr_Clear(); /* it gave its memory a moment ago */
        free(loan);
        return ENOMEM;
    }
    int result = h->ops->msg_lend(h->sock, m, loan->view.buf, (size_t)loan->view.len, give_back,
                                  loan);
    if (result != ANYMQ_OK) {
        PyBuffer_Release(&loan->view);
        free(loan);
    }
    return result;
}

typedef struct Body {
    PyObject_HEAD
    const anymq_ops *ops;
    anymq_msg message;
} Body;

static PyTypeObject *body_class;

PyObject *amq_body(Handle *h, const anymq_msg *m)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(body_class, Py_tp_alloc);
    Body *body = (Body *)allocate(body_class, 0);
    if (body != NULL) {
        body->ops = h->ops;
        body->message = *m;
    }
    return (PyObject *)body;
}

static void body_dealloc(Body *body)
{
    PyTypeObject *type = Py_TYPE((PyObject *)body);
    body->ops->msg_free(body->ops, &body->message);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(body);
    Py_DECREF(type);
}

static int body_buffer(Body *body, Py_buffer *view, int flags)
{
    return PyBuffer_FillInfo(view, (PyObject *)body, (void *)body->message.data,
                             (Py_ssize_t)body->message.size, 1, flags);
}

static Py_ssize_t body_length(Body *body)
{
    return (Py_ssize_t)body->message.size;
}

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("A received message in the library's memory; read-only.")},
    {Py_tp_dealloc, body_dealloc},
    {Py_bf_getbuffer, body_buffer},
    {Py_sq_length, body_length},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "anymq._engine.Body",
    .basicsize = sizeof(Body),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

PyObject *amq_body_type(void)
{
    if (body_class == NULL)
        body_class = (PyTypeObject *)PyType_FromSpec(&spec);
    return Py_XNewRef((PyObject *)body_class);
}
