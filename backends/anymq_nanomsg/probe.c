/* What tells builds apart that call themselves the same.
 *
 * 1.2.1 forgets where a message begins once it has taken a header off its front, and ends the
 * process when it looks at that message again. A message of our own shows it without that: it is
 * shortened, and where it lies then is only compared.
 */
#include <string.h>

#include "nanomsg.h"

enum { LONG = 1000, HEADER = 8 }; /* LONG is never kept inside a reference, as short ones are */

int anymq_nn_keeps_place(const anymq_nn_lib *lib)
{
    void (*init)(void *, size_t);
    void *(*data)(void *);
    void (*trim)(void *, size_t);
    void (*release)(void *);
    *(void **)&init = anymq_nn_own_symbol(lib->dl, "nn_chunkref_init");
    *(void **)&data = anymq_nn_own_symbol(lib->dl, "nn_chunkref_data");
    *(void **)&trim = anymq_nn_own_symbol(lib->dl, "nn_chunkref_trim");
    *(void **)&release = anymq_nn_own_symbol(lib->dl, "nn_chunk_free");
    if (init == NULL || data == NULL || trim == NULL || release == NULL)
        return ANYMQ_UNKNOWN;

    union {
        void *pointer;
        char space[256]; /* its references have 32 to 40 bytes */
    } reference;
    memset(&reference, 0, sizeof(reference));
    init(&reference, LONG);
    char *begin = data(&reference);
    trim(&reference, HEADER);
    bool keeps = data(&reference) == begin + HEADER;
    release(begin + HEADER); /* where it lies now, whatever the reference says */
    return keeps;
}
