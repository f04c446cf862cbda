/* Memory for a large message: Linux is asked for large pages before it is filled.
 *
 * Memory of many megabytes comes from the system for each message anew, and taking it page by page
 * takes longer than filling it: 64 MiB are filled in half the time. Where the system has no such pages
 * to give nothing changes.
 */
#ifndef ANYMQ_PAGES_H
#define ANYMQ_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define ANYMQ_LARGE_PAGE ((uintptr_t)2 << 20)
#define ANYMQ_MANY_PAGES ((size_t)4 << 20)

/* For `size` bytes that are going to be written to. Only pages that lie within them are asked for. */
static inline void anymq_large_pages(void *memory, size_t size)
{
#ifdef MADV_HUGEPAGE
    if (size < ANYMQ_MANY_PAGES)
        return;
    uintptr_t begin = ((uintptr_t)memory + ANYMQ_LARGE_PAGE - 1) & ~(ANYMQ_LARGE_PAGE - 1);
    uintptr_t end = ((uintptr_t)memory + size) & ~(ANYMQ_LARGE_PAGE - 1);
    (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)memory;
    (void)size;
#endif
}

#endif
