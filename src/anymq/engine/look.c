/* Which answers are looked for before a thread sleeps.
 *
 * To sleep and to be woken takes a thread longer than many an answer. So a receive attempts again for a
 * while and gives the processor away in between, when its thread is the one that sent last, and the last
 * answer came within that. A stream is never looked for: no send comes before its receives, or another
 * thread's. One thread of a process looks at a time, for where more of them wait there is other work; and
 * none where there is one processor alone, which those who work at the answer need.
 *
 * Awaiting calls do so in their loop, see _drivers/waits.py.
 */
#include "engine.h"

static int64_t soon = 300 * INT64_C(1000); /* ns; how long to look, and what was soon */

/* Who looks: the generation of its process and one, for a forked child has no thread of its parent's. */
static atomic_uint looking;

void amq_look_init(void)
{
    if (amq_alone())
        soon = 0;
}

void amq_look_for(int64_t ns)
{
    soon = ns;
}

bool amq_look_is_asker(Handle *h, uint64_t sent)
{
    atomic_store_explicit(&h->sent_before, sent, memory_order_relaxed);
    return atomic_load_explicit(&h->sender, memory_order_relaxed) == (uintptr_t)pthread_self();
}

int64_t amq_look_begin(Handle *h, int64_t now)
{
    unsigned mine = atomic_load(&amq_generation) + 1, other = atomic_load(&looking);
    if (!atomic_exchange_explicit(&h->answers_soon, false, memory_order_relaxed) || other == mine ||
        !atomic_compare_exchange_strong(&looking, &other, mine))
        return 0;
    return now + soon;
}

void amq_look_end(void)
{
    atomic_store(&looking, 0);
}

void amq_look_answered(Handle *h, int64_t took)
{
    atomic_store_explicit(&h->answers_soon, took < soon, memory_order_relaxed);
}
