/* Endpoints, options and statistics: thin calls through the library's table. */
#include "access.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define HANDLE(number) ((nng_handle){.id = (number)})

int anymq_nng_dialer_create(anymq_nng_socket *s, const char *url, uint32_t *id)
{
    nng_handle dialer = {0};
    int rv = s->library->fn.dialer_create(&dialer, s->id, url);

    *id = dialer.id;
    return rv;
}

/* In the background: a peer that is not there is tried again. */
int anymq_nng_dialer_start(anymq_nng_socket *s, uint32_t id)
{
    return s->library->fn.dialer_start(HANDLE(id), NNG_FLAG_NONBLOCK);
}

int anymq_nng_dialer_close(anymq_nng_socket *s, uint32_t id)
{
    anymq_nng_let_peers_in(s, id);
    anymq_nng_hang_up(s, id);
    return s->library->fn.dialer_close(HANDLE(id));
}

int anymq_nng_listener_create(anymq_nng_socket *s, const char *url, uint32_t *id)
{
    nng_handle listener = {0};
    int rv = s->library->fn.listener_create(&listener, s->id, url);

    *id = listener.id;
    return rv;
}

int anymq_nng_listener_start(anymq_nng_socket *s, uint32_t id)
{
    return s->library->fn.listener_start(HANDLE(id), 0);
}

int anymq_nng_listener_close(anymq_nng_socket *s, uint32_t id)
{
    anymq_nng_let_peers_in(s, id | NNG_LISTENER_BIT);
    anymq_nng_hang_up(s, id | NNG_LISTENER_BIT);
    return s->library->fn.listener_close(HANDLE(id));
}

int anymq_nng_listener_port(anymq_nng_socket *s, uint32_t id)
{
    const nng_table *fn = &s->library->fn;
    nng_address address;
    const nng_url *url = NULL;
    int port = 0;

    if (fn->get_int[NNG_LISTENER] != NULL &&
        (fn->get_int[NNG_LISTENER](HANDLE(id), "tcp-bound-port", &port) == 0 ||
         fn->get_int[NNG_LISTENER](HANDLE(id), "bound-port", &port) == 0))
        return port;
    memset(&address, 0, sizeof address);
    if (fn->listener_get_addr != NULL &&
        fn->listener_get_addr(HANDLE(id), "local-address", &address) == 0 &&
        (address.family == NNG_AF_INET || address.family == NNG_AF_INET6))
        return ntohs(address.in.port);
    if (fn->listener_get_url != NULL && fn->url_port != NULL &&
        fn->listener_get_url(HANDLE(id), &url) == 0 && url != NULL)
        return (int)fn->url_port(url);
    return 0;
}

#define OPTION(field, type) \
    int anymq_nng_set_##field(anymq_nng_library *l, int kind, uint32_t id, const char *name, type value) \
    { \
        return l->fn.set_##field[kind] == NULL ? NNG_NO_FUNCTION \
                                               : l->fn.set_##field[kind](HANDLE(id), name, value); \
    } \
    int anymq_nng_get_##field(anymq_nng_library *l, int kind, uint32_t id, const char *name, type *value) \
    { \
        return l->fn.get_##field[kind] == NULL ? NNG_NO_FUNCTION \
                                               : l->fn.get_##field[kind](HANDLE(id), name, value); \
    }
NNG_OPTION_TYPES(OPTION)
#undef OPTION

int anymq_nng_set_string(anymq_nng_library *l, int kind, uint32_t id, const char *name, const char *value)
{
    return l->fn.set_string[kind] == NULL ? NNG_NO_FUNCTION
                                          : l->fn.set_string[kind](HANDLE(id), name, value);
}

int anymq_nng_get_string(anymq_nng_library *l, int kind, uint32_t id, const char *name, char *value,
                         size_t size)
{
    char *text = NULL;
    int rv;

    if (l->fn.get_string[kind] == NULL)
        return NNG_NO_FUNCTION;
    rv = l->fn.get_string[kind](HANDLE(id), name, &text);
    if (rv != 0)
        return rv;
    snprintf(value, size, "%s", text != NULL ? text : "");
    if (l->major == 1 && l->fn.strfree != NULL) /* 2.x lends its own */
        l->fn.strfree(text);
    return 0;
}

int anymq_nng_subscribe(anymq_nng_socket *s, const void *topic, size_t size)
{
    const nng_table *fn = &s->library->fn;

    if (s->parent != NULL && fn->ctx_subscribe != NULL)
        return fn->ctx_subscribe(s->id, topic, size);
    if (s->parent != NULL)
        return fn->ctx_set_opaque == NULL ? NNG_NO_FUNCTION
                                          : fn->ctx_set_opaque(s->id, "sub:subscribe", topic, size);
    if (fn->subscribe != NULL)
        return fn->subscribe(s->id, topic, size);
    return fn->set_opaque == NULL ? NNG_NO_FUNCTION
                                  : fn->set_opaque(s->id, "sub:subscribe", topic, size);
}

int anymq_nng_unsubscribe(anymq_nng_socket *s, const void *topic, size_t size)
{
    const nng_table *fn = &s->library->fn;

    if (s->parent != NULL && fn->ctx_unsubscribe != NULL)
        return fn->ctx_unsubscribe(s->id, topic, size);
    if (s->parent != NULL)
        return fn->ctx_set_opaque == NULL ? NNG_NO_FUNCTION
                                          : fn->ctx_set_opaque(s->id, "sub:unsubscribe", topic, size);
    if (fn->unsubscribe != NULL)
        return fn->unsubscribe(s->id, topic, size);
    return fn->set_opaque == NULL ? NNG_NO_FUNCTION
                                  : fn->set_opaque(s->id, "sub:unsubscribe", topic, size);
}

typedef struct {
    const nng_table *fn;
    anymq_nng_statistic *out;
    int room, count;
} collector;

static void collect(collector *c, const nng_stat *scope, const char *path)
{
    const nng_table *fn = c->fn;
    char name[160];

    for (const nng_stat *stat = fn->stat_child(scope); stat != NULL; stat = fn->stat_next(stat)) {
        int type = fn->stat_type(stat);
        snprintf(name, sizeof name, "%.100s%s%.50s", path, path[0] != '\0' ? "/" : "", fn->stat_name(stat));
        if (type == 0) {
            collect(c, stat, name);
        } else if (type == NNG_STAT_LEVEL || type == NNG_STAT_COUNTER || type == NNG_STAT_BOOLEAN ||
                   type == NNG_STAT_ID) {
            if (c->count < c->room) {
                anymq_nng_statistic *one = &c->out[c->count];
                snprintf(one->path, sizeof one->path, "%s", name);
                one->value = type == NNG_STAT_BOOLEAN ? (uint64_t)fn->stat_bool(stat)
                                                      : fn->stat_value(stat);
            }
            c->count++;
        }
    }
}

/* The number that says which socket a scope belongs to: "id" of a socket, "socket" of others. */
static uint64_t owner(const nng_table *fn, const nng_stat *scope)
{
    const char *key = strcmp(fn->stat_name(scope), "socket") == 0 ? "id" : "socket";

    for (const nng_stat *stat = fn->stat_child(scope); stat != NULL; stat = fn->stat_next(stat))
        if (fn->stat_type(stat) == NNG_STAT_ID && strcmp(fn->stat_name(stat), key) == 0)
            return fn->stat_value(stat);
    return UINT64_MAX;
}

int anymq_nng_statistics(anymq_nng_socket *s, anymq_nng_statistic *out, int room)
{
    const nng_table *fn = &s->library->fn;
    collector c = {fn, out, room, 0};
    nng_stat *root = anymq_nng_snapshot(s->library);

    if (root == NULL)
        return NNG_NO_FUNCTION;
    for (const nng_stat *stat = fn->stat_child(root); stat != NULL; stat = fn->stat_next(stat)) {
        if (fn->stat_type(stat) == 0 && owner(fn, stat) == s->id.id)
            collect(&c, stat, fn->stat_name(stat));
    }
    anymq_nng_free_statistics(s, root);
    return c.count;
}
