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

void *anymq_nn_own_symbol(void *dl, const char *name)
{
    void *symbol = anymq_dl_symbol(dl, name);
    return symbol != NULL && defined_here(dl, symbol) ? symbol : NULL;
}

/* What a file without nanomsg's functions is likely to be. */
static const char *looks_like(void *dl)
{
    if (anymq_dl_symbol(dl, "nng_version") != NULL)
        return "it looks like libnng (it exports nng_version), whose nn_ functions only imitate "
               "nanomsg's";
    if (anymq_dl_symbol(dl, "zmq_version") != NULL)
        return "it looks like libzmq (it exports zmq_version)";
    if (anymq_dl_symbol(dl, "nn_symbol_info") != NULL)
        return "it has no nn_symbol_info of its own; it only depends on one";
    return "it has no nn_symbol_info";
}

typedef struct {
    char text[512];
    size_t size;
} names;

static void add_name(names *list, const char *name)
{
    int added = snprintf(list->text + list->size, sizeof(list->text) - list->size, "%s%s",
                         list->size > 0 ? ", " : "", name);
    list->size += (size_t)added;
    if (list->size >= sizeof(list->text))
        list->size = sizeof(list->text) - 1;
}

static void resolve(anymq_nn_lib *lib, names *missing)
{
#define ANYMQ_NN_RESOLVE(name, result, parameters)                                          \
    *(void **)&lib->name = anymq_nn_own_symbol(lib->dl, #name);                             \
    if (lib->name == NULL)                                                                  \
        add_name(missing, #name);
    ANYMQ_NN_FUNCTIONS(ANYMQ_NN_RESOLVE)
#undef ANYMQ_NN_RESOLVE
    *(void **)&lib->nn_get_statistic = anymq_nn_own_symbol(lib->dl, "nn_get_statistic");
}

static bool find_constant(const anymq_nn_lib *lib, const char *name, int *value)
{
    struct nn_symbol_properties found = {0};
    for (int i = 0; i < ANYMQ_NN_MOST_SYMBOLS; i++) {
        if (lib->nn_symbol_info(i, &found, (int)sizeof(found)) <= 0)
            return false;
        if (found.name != NULL && strcmp(found.name, name) == 0) {
            *value = found.value;
            return true;
        }
    }
    return false;
}

static void read_constants(anymq_nn_lib *lib, names *missing)
{
#define ANYMQ_NN_READ(name)                                                                 \
    if (!find_constant(lib, #name, &lib->k.k_##name))                                       \
        add_name(missing, #name);
    ANYMQ_NN_CONSTANTS(ANYMQ_NN_READ)
#undef ANYMQ_NN_READ
    int ignored;
    lib->before_1_1 = !find_constant(lib, "NN_MAXTTL", &ignored);
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
    void *identity = anymq_nn_own_symbol(dl, "nn_symbol_info");
    if (anymq_dl_symbol(dl, "nng_version") != NULL || identity == NULL) {
        snprintf(error, error_size, "not libnanomsg: %s", looks_like(dl));
        dlclose(dl);
        return -1;
    }
    anymq_nn_lib *lib = calloc(1, sizeof(*lib));
    if (lib == NULL) {
        snprintf(error, error_size, "out of memory");
        dlclose(dl);
        return -1;
    }
    lib->dl = dl;
    names missing = {0};
    resolve(lib, &missing);
    const char *what = "";
    if (missing.size == 0) {
        read_constants(lib, &missing);
        what = "in nn_symbol_info ";
    }
    if (missing.size > 0) {
        snprintf(error, error_size, "an incomplete libnanomsg: %sit lacks %s", what, missing.text);
        dlclose(dl);
        free(lib);
        return -1;
    }
    anymq_dl_path(identity, lib->path, sizeof(lib->path));
    pthread_mutex_lock(&lock);
    lib->next = opened;
    opened = lib;
    pthread_mutex_unlock(&lock);
    *out = lib;
    return 0;
}
