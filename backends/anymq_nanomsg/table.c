/* Opening a libnanomsg: its functions into a table, its constants by asking it. */
#define _GNU_SOURCE
#include "anymq_dl.h"

#include <link.h>
#include <string.h>

#include "nanomsg.h"

/* Whether `symbol` is defined in the very file that `dl` is, not in one that it depends on. */
static bool defined_here(void *dl, void *symbol)
{
    struct link_map *map = NULL;
    Dl_info info;
    if (dlinfo(dl, RTLD_DI_LINKMAP, &map) != 0 || map == NULL || dladdr(symbol, &info) == 0)
        return true; /* the loader cannot tell */
    return info.dli_fbase == (void *)map->l_addr || strcmp(info.dli_fname, map->l_name) == 0;
}

/* What a file without nanomsg's functions is likely to be. */
static const char *looks_like(void *dl)
{
    if (anymq_dl_symbol(dl, "nng_version") != NULL)
        return "it looks like libnng (it exports nng_version), whose nn_ functions only imitate "
               "nanomsg's";
    if (anymq_dl_symbol(dl, "zmq_version") != NULL)
        return "it looks like libzmq (it exports zmq_version)";
    return NULL;
}

static int refuse(void *dl, char *error, size_t error_size, const char *missing)
{
    const char *guess = looks_like(dl);
    if (guess != NULL)
        snprintf(error, error_size, "not libnanomsg: %s", guess);
    else
        snprintf(error, error_size, "not libnanomsg: it has no %s", missing);
    dlclose(dl);
    return -1;
}

static bool find_constant(const anymq_nn_lib *lib, const char *name, int *value)
{
    for (int i = 0;; i++) {
        const char *found = lib->nn_symbol(i, value);
        if (found == NULL)
            return false;
        if (strcmp(found, name) == 0)
            return true;
    }
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static anymq_nn_lib *opened;

static anymq_nn_lib *find_opened(void *dl)
{
    pthread_mutex_lock(&lock);
    anymq_nn_lib *lib = opened;
    while (lib != NULL && lib->dl != dl)
        lib = lib->next;
    pthread_mutex_unlock(&lock);
    return lib;
}

int anymq_nn_open(const char *name, anymq_nn_lib **out, char *error, size_t error_size)
{
    void *dl = anymq_dl_open(name, error, error_size);
    if (dl == NULL)
        return -1;
    *out = find_opened(dl);
    if (*out != NULL) {
        dlclose(dl); /* it is counted once */
        return 0;
    }
    void *identity = anymq_dl_symbol(dl, "nn_symbol_info");
    if (anymq_dl_symbol(dl, "nng_version") != NULL || identity == NULL)
        return refuse(dl, error, error_size, "nn_symbol_info");
    if (!defined_here(dl, identity))
        return refuse(dl, error, error_size, "nn_symbol_info of its own; it only depends on one");

    anymq_nn_lib *lib = calloc(1, sizeof(*lib));
    if (lib == NULL) {
        snprintf(error, error_size, "out of memory");
        dlclose(dl);
        return -1;
    }
    lib->dl = dl;
#define ANYMQ_NN_RESOLVE(name, result, parameters)                                          \
    *(void **)&lib->name = anymq_dl_symbol(dl, #name);                                      \
    if (lib->name == NULL) {                                                                \
        free(lib);                                                                          \
        return refuse(dl, error, error_size, #name);                                        \
    }
    ANYMQ_NN_FUNCTIONS(ANYMQ_NN_RESOLVE)
#undef ANYMQ_NN_RESOLVE
#define ANYMQ_NN_RESOLVE(name)                                                              \
    if (!find_constant(lib, #name, &lib->k.k_##name)) {                                     \
        free(lib);                                                                          \
        return refuse(dl, error, error_size, "constant " #name " in nn_symbol");            \
    }
    ANYMQ_NN_CONSTANTS(ANYMQ_NN_RESOLVE)
#undef ANYMQ_NN_RESOLVE
    anymq_dl_path(identity, lib->path, sizeof(lib->path));
    pthread_mutex_lock(&lock);
    lib->next = opened;
    opened = lib;
    pthread_mutex_unlock(&lock);
    *out = lib;
    return 0;
}
