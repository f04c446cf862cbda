/* What was taken from the library but not yet by the program, which the next receive finds first.
 *
 * So it is with a message that a buffer is too small for, one of several parts where one was asked
 * for, and one that a cancelled wait would have returned.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

/* The stash is guarded by the handle's lock, which only some libraries make the callers hold. */
static void stash_lock(Handle *h)
{
    if (!(h->traits & ANYMQ_NEEDS_LOCK))
        pthread_mutex_lock(&h->lock);
}

static void stash_unlock(Handle *h)
{
    if (!(h->traits & ANYMQ_NEEDS_LOCK))
        pthread_mutex_unlock(&h->lock);
}

void amq_follow(anymq_msg *messages, size_t count, uintptr_t before)
{
    for (size_t i = 0; i < count; i++) {
        anymq_msg *m = &messages[i];
        uintptr_t offset = (uintptr_t)m->data - (before + i * sizeof *m);
        if (offset < sizeof *m)
            m->data = (const char *)m + offset;
    }
}

void amq_stash_push(Handle *h, Stash *entry, bool front)
{
    stash_lock(h);
    Stash **at = &h->stash;
    while (!front && *at != NULL)
        at = &(*at)->next;
    entry->next = *at;
    *at = entry;
    atomic_fetch_add(&h->stashed, 1);
    stash_unlock(h);
}

Stash *amq_stash_pop(Handle *h)
{
    stash_lock(h);
    Stash *entry = h->stash;
    if (entry != NULL) {
        h->stash = entry->next;
        atomic_fetch_sub(&h->stashed, 1);
    }
    stash_unlock(h);
    return entry;
}

int amq_stash_put(Handle *h, const anymq_msg *parts, size_t count, bool front)
{
    Stash *entry = malloc(sizeof *entry + count * sizeof *parts);
    if (entry == NULL)
        return -1;
    entry->count = count;
    memcpy(entry->parts, parts, count * sizeof *parts);
    amq_follow(entry->parts, count, (uintptr_t)parts);
    amq_stash_push(h, entry, front);
    return 0;
}

void amq_stash_free(Handle *h)
{
    while (h->stash != NULL) {
        Stash *entry = h->stash;
        h->stash = entry->next;
        for (size_t i = 0; i < entry->count; i++)
            h->ops->msg_release(h->sock, &entry->parts[i]);
        free(entry);
    }
    atomic_store(&h->stashed, 0);
}

void amq_forget_answers(Handle *h)
{
    if (!h->answers || !atomic_load_explicit(&h->stashed, memory_order_relaxed))
        return;
    amq_lock(h);
    stash_lock(h);
    amq_stash_free(h);
    stash_unlock(h);
    amq_unlock(h);
}
