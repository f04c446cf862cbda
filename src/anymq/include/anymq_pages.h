/* Memory for large messages: Linux is asked for it before it is filled, not page by page while it is.
 *
 * Memory of many megabytes comes from the system for each message anew, and taking it page by page
 * takes longer than filling it: in large pages 64 MiB are filled in half the time. So it is with a batch
 * of large messages, which is given back to the system each time that its list is; these lie beside memory
 * that is in use, where there are no large pages to be had, but small ones can be had all at once. Where
 * the system cannot do that nothing changes.
 */
#ifndef ANYMQ_PAGES_H
#define ANYMQ_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define ANYMQ_LARGE_PAGE ((uintptr_t)2 << 20)
#define ANYMQ_SMALL_PAGE ((uintptr_t)4096) /* where they are larger nothing is asked for in advance */
#define ANYMQ_FEW_PAGES ((uintptr_t)65536)
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

#if defined(__linux__) && !defined(MADV_POPULATE_WRITE)
#define MADV_POPULATE_WRITE 23 /* since Linux 5.14; any before that says no */
#endif

/* Have the pages between two addresses there, if the last of them is not. All that lies between must be
 * memory that is going to be written to. */
static inline void anymq_fresh_pages(uintptr_t begin, uintptr_t end)
{
#ifdef MADV_POPULATE_WRITE
    unsigned char there = 1;
    begin = (begin + ANYMQ_SMALL_PAGE - 1) & ~(ANYMQ_SMALL_PAGE - 1);
    end &= ~(ANYMQ_SMALL_PAGE - 1);
    if (end < begin + ANYMQ_FEW_PAGES / 2)
        return;
    if (mincore((void *)(end - ANYMQ_SMALL_PAGE), ANYMQ_SMALL_PAGE, &there) == 0 && !(there & 1))
        (void)madvise((void *)begin, end - begin, MADV_POPULATE_WRITE);
#else
    (void)begin;
    (void)end;
#endif
}

#endif
