/* Opening a shared library at run time (the dlopen platforms).
 *
 * RTLD_LOCAL always: the three libraries export symbols with the same names, and a global scope
 * would bind one library's internal calls to another's functions.
 */
#ifndef ANYMQ_DL_H
#define ANYMQ_DL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__GLIBC__) && !defined(__USE_GNU)
#error "include anymq_dl.h before all other headers: it needs _GNU_SOURCE"
#endif

static void *anymq_dl_open(const char *name, char *error, size_t error_size)
{
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL && error != NULL && error_size > 0) {
        const char *text = dlerror();
        snprintf(error, error_size, "%s", text != NULL ? text : "unknown loader error");
    }
    return handle;
}

/* A symbol that this library itself defines; one that dlsym finds in a dependency does not count,
 * so that the wrong library is never taken for the right one. */
static void *anymq_dl_symbol(void *handle, const char *name)
{
    return dlsym(handle, name);
}

/* The file that `symbol` was loaded from, or "". */
static void anymq_dl_path(void *symbol, char *path, size_t path_size)
{
    Dl_info info;
    path[0] = '\0';
    if (symbol != NULL && dladdr(symbol, &info) != 0 && info.dli_fname != NULL)
        snprintf(path, path_size, "%s", info.dli_fname);
}

#endif
