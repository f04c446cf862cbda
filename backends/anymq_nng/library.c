/* Opening an nng library and resolving its functions.
 *
 * A library that was opened stays loaded: nng runs threads of its own, which would outlive it.
 */
#include "library.h"

#include "anymq_dl.h"
#include "socket.h"

#include <link.h>
#include <string.h>

enum { FIRST_SOUND_MINOR = 11 }; /* of 1.x, of those that were tried: see hangup.c */

static const struct {
    size_t offset;
    int required;
    const char *names[2];
} functions[] = {
#define NNG_ENTRY(required, field, result, parameters, newest, older) \
    {offsetof(nng_table, field), required, {newest, older}},
    NNG_FUNCTIONS(NNG_ENTRY)
#undef NNG_ENTRY
};

static const struct {
    size_t set, get;
    const char *type;
} options[] = {
#define NNG_ENTRY(field, ctype) {offsetof(nng_table, set_##field), offsetof(nng_table, get_##field), #field},
    NNG_OPTION_TYPES(NNG_ENTRY)
#undef NNG_ENTRY
    {offsetof(nng_table, set_string), offsetof(nng_table, get_string), "string"},
};

/* A symbol that this library defines itself: one that the loader finds in a dependency would make
 * any program linked with nng pass for nng. */
static void *own_symbol(void *loaded, const char *name)
{
    void *symbol = anymq_dl_symbol(loaded, name);
    struct link_map *mine = NULL, *its = NULL;
    Dl_info info;

    if (symbol == NULL || dlinfo(loaded, RTLD_DI_LINKMAP, &mine) != 0)
        return NULL;
    if (dladdr1(symbol, &info, (void **)&its, RTLD_DL_LINKMAP) == 0 || its != mine)
        return NULL;
    return symbol;
}

static void resolve_options(anymq_nng_library *library)
{
    static const char *const kinds[NNG_KINDS] = {"socket_", "dialer_", "listener_", "pipe_", "ctx_"};
    static const char *const verbs[2] = {"set", "get"};

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        for (int kind = 0; kind < NNG_KINDS; kind++) {
            for (int verb = 0; verb < 2; verb++) {
                size_t offset = (verb == 0 ? options[i].set : options[i].get) +
                                (size_t)kind * sizeof(void *);
                char name[64];
                void *symbol;
                snprintf(name, sizeof name, "nng_%s%s_%s", kinds[kind], verbs[verb], options[i].type);
                symbol = own_symbol(library->loaded, name);
                if (symbol == NULL) {
                    snprintf(name, sizeof name, "nng_%s%sopt_%s", kind == NNG_SOCKET ? "" : kinds[kind],
                             verbs[verb], options[i].type);
                    symbol = own_symbol(library->loaded, name);
                }
                memcpy((char *)&library->fn + offset, &symbol, sizeof symbol);
            }
        }
    }
}

/* What `loaded` is, when it is not nng. */
static const char *looks_like(void *loaded)
{
    if (own_symbol(loaded, "zmq_version") != NULL)
        return "; it looks like libzmq";
    if (own_symbol(loaded, "nn_symbol") != NULL)
        return "; it looks like libnanomsg";
    return "";
}

typedef struct {
    char text[512];
    size_t size;
} names;

static void add_name(names *list, const char *name)
{
    list->size += (size_t)snprintf(list->text + list->size, sizeof list->text - list->size, "%s%s",
                                   list->size > 0 ? ", " : "", name);
    if (list->size >= sizeof list->text)
        list->size = sizeof list->text - 1;
}

/* Resolve the table; the names of required functions that are not there. */
static names resolve_functions(anymq_nng_library *library)
{
    names missing = {"", 0};

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *symbol = NULL;
        for (int j = 0; j < 2 && symbol == NULL && functions[i].names[j] != NULL; j++)
            symbol = own_symbol(library->loaded, functions[i].names[j]);
        if (symbol == NULL && functions[i].required)
            add_name(&missing, functions[i].names[0]);
        memcpy((char *)&library->fn + functions[i].offset, &symbol, sizeof symbol);
    }
    return missing;
}

/* Whether its functions are all of one major version: what the two do not share tells. */
static int find_major(anymq_nng_library *library, char *error, size_t error_size)
{
    int begins = own_symbol(library->loaded, "nng_init") != NULL;
    int first = own_symbol(library->loaded, "nng_send_aio") != NULL;

    library->major = begins ? 2 : 1;
    if (begins && first)
        snprintf(error, error_size, "it contradicts itself: it exports nng_init, which only 2.x has, "
                                    "and nng_send_aio, which only 1.x has");
    else if (!begins && !first)
        snprintf(error, error_size, "an incomplete nng: it lacks nng_init, without which nothing of "
                                    "2.x may be called");
    return begins == first ? -1 : 0;
}

static int at_least(const char *version, int major, int minor)
{
    int found[2] = {0, 0};

    sscanf(version, "%d.%d", &found[0], &found[1]);
    return found[0] > major || (found[0] == major && found[1] >= minor);
}

static int start_library(anymq_nng_library *library, char *error, size_t error_size)
{
    int (*init)(const void *);
    void *symbol = own_symbol(library->loaded, "nng_init");
    int rv;

    /* A version that is not one of 1.x says nothing about this: then as the older ones. */
    library->hangs = library->major == 1 && (!at_least(anymq_nng_version(library), 1, FIRST_SOUND_MINOR) ||
                                             at_least(anymq_nng_version(library), 2, 0));
    library->send_fd_is_its_own = library->major == 1 && !at_least(anymq_nng_version(library), 1, 3);
    if (library->major == 1)
        return 0;
    memcpy(&init, &symbol, sizeof init);
    rv = init(NULL);
    if (rv != 0)
        snprintf(error, error_size, "nng_init failed: %s", library->fn.strerror(rv));
    return rv;
}

anymq_nng_library *anymq_nng_open_library(const char *name, char *error, size_t error_size)
{
    anymq_nng_library *library = calloc(1, sizeof *library);
    names missing;
    void *symbol;

    if (library == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    library->event_base = -1;
    library->loaded = anymq_dl_open(name, error, error_size);
    if (library->loaded == NULL) {
        free(library);
        return NULL;
    }
    missing = resolve_functions(library);
    if (library->fn.version == NULL)
        snprintf(error, error_size, "not an nng library: it does not export nng_version%s",
                 looks_like(library->loaded));
    else if (missing.size > 0)
        snprintf(error, error_size, "an incomplete nng: it lacks %s", missing.text);
    if (missing.size > 0 || find_major(library, error, error_size) != 0) {
        dlclose(library->loaded);
        free(library);
        return NULL;
    }
    resolve_options(library);
    memcpy(&symbol, &library->fn.version, sizeof symbol);
    anymq_dl_path(symbol, library->path, sizeof library->path);
    anymq_nng_fill_ops(&library->ops);
    for (int tells = 0; tells < 2; tells++)
        anymq_nng_fill_context_ops(&library->context_ops[tells], tells);
    if (start_library(library, error, error_size) != 0) {
        free(library);
        return NULL;
    }
    return library;
}

void *anymq_nng_symbol(anymq_nng_library *library, const char *name)
{
    return own_symbol(library->loaded, name);
}

int anymq_nng_has(anymq_nng_library *library, const char *name)
{
    return own_symbol(library->loaded, name) != NULL;
}

anymq_ops *anymq_nng_ops(anymq_nng_library *library)
{
    return &library->ops;
}

anymq_ops *anymq_nng_context_ops(anymq_nng_library *library, int tells)
{
    return &library->context_ops[tells];
}

const char *anymq_nng_path(anymq_nng_library *library)
{
    return library->path;
}

int anymq_nng_major(anymq_nng_library *library)
{
    return library->major;
}

const char *anymq_nng_version(anymq_nng_library *library)
{
    const char *text = library->fn.version();

    return text != NULL ? text : "";
}

const char *anymq_nng_strerror(anymq_nng_library *library, int code)
{
    return library->fn.strerror(code);
}
