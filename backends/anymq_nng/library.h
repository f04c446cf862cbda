/* One opened nng library: its table of functions, and what tells its versions apart. */
#ifndef ANYMQ_NNG_LIBRARY_H
#define ANYMQ_NNG_LIBRARY_H

#include "anymq_ops.h"
#include "nng_api.h"

typedef struct anymq_nng_library {
    nng_table fn;
    void *loaded;
    int major;       /* 1 or 2, by symbols: the version text is not to be trusted */
    int hangs;       /* closing while messages move can hang, see hangup.c */
    int send_fd_is_its_own; /* before 1.3: it tells of a REQ's own request, not of its contexts' */
    int event_base;  /* number of the first pipe event; -1 until one was seen (atomic) */
    char path[4096];
    anymq_ops ops, context_ops[2]; /* of contexts: by whether they tell */
} anymq_nng_library;

/* Open a library. NULL: `error` holds the loader's words, or what is missing. */
anymq_nng_library *anymq_nng_open_library(const char *name, char *error, size_t error_size);
/* A function that the library itself exports, or NULL. */
void *anymq_nng_symbol(anymq_nng_library *library, const char *name);
int anymq_nng_has(anymq_nng_library *library, const char *name);
const char *anymq_nng_path(anymq_nng_library *library);
int anymq_nng_major(anymq_nng_library *library);
const char *anymq_nng_version(anymq_nng_library *library);
const char *anymq_nng_strerror(anymq_nng_library *library, int code);
anymq_ops *anymq_nng_ops(anymq_nng_library *library);
anymq_ops *anymq_nng_context_ops(anymq_nng_library *library, int tells);

#endif
