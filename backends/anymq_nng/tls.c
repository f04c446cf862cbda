/* TLS of one dialer or listener.
 *
 * Each gets a configuration of its own, made and attached here before it starts: nng lets none be
 * changed once it is in use. An endpoint holds what is attached to it, so ours is let go at once.
 */
#include "access.h"

#define HANDLE(number) ((nng_handle){.id = (number)})

enum { TLS_CLIENT = 0, TLS_SERVER = 1 };

static int attach(const nng_table *fn, int kind, uint32_t id, nng_tls_config *config)
{
    if (kind == NNG_LISTENER && fn->listener_set_tls != NULL)
        return fn->listener_set_tls(HANDLE(id), config);
    if (kind == NNG_LISTENER)
        return fn->listener_set_ptr(HANDLE(id), "tls-config", config);
    if (fn->dialer_set_tls != NULL)
        return fn->dialer_set_tls(HANDLE(id), config);
    return fn->dialer_set_ptr(HANDLE(id), "tls-config", config);
}

/* Some builds export functions that only say that there is no TLS, so one is called. */
int anymq_nng_tls_usable(anymq_nng_library *l)
{
    const nng_table *fn = &l->fn;
    nng_tls_config *config = NULL;
    int rv;

    if (fn->tls_config_alloc == NULL || fn->tls_config_free == NULL ||
        fn->tls_config_own_cert == NULL || fn->tls_config_ca_chain == NULL ||
        fn->tls_config_auth_mode == NULL || fn->tls_config_server_name == NULL ||
        (fn->listener_set_tls == NULL && fn->listener_set_ptr == NULL) ||
        (fn->dialer_set_tls == NULL && fn->dialer_set_ptr == NULL))
        return NNG_NO_FUNCTION;
    rv = fn->tls_config_alloc(&config, TLS_CLIENT);
    if (rv == 0)
        fn->tls_config_free(config);
    return rv;
}

int anymq_nng_set_tls(anymq_nng_library *l, int kind, uint32_t id, const anymq_nng_tls *wanted,
                      const char **failed)
{
    const nng_table *fn = &l->fn;
    nng_tls_config *config = NULL;
    int rv = anymq_nng_tls_usable(l);

    *failed = "tls";
    if (rv != 0)
        return rv;
    rv = fn->tls_config_alloc(&config, kind == NNG_LISTENER ? TLS_SERVER : TLS_CLIENT);
    if (rv != 0)
        return rv;
    if (wanted->server_name != NULL) {
        *failed = "server_name";
        rv = fn->tls_config_server_name(config, wanted->server_name);
    }
    if (rv == 0 && wanted->ca != NULL) {
        *failed = "ca";
        rv = fn->tls_config_ca_chain(config, wanted->ca, NULL);
    }
    if (rv == 0 && wanted->certificate != NULL) {
        *failed = "certificate and key";
        rv = fn->tls_config_own_cert(config, wanted->certificate, wanted->key, wanted->password);
    }
    if (rv == 0) {
        *failed = "verify";
        rv = fn->tls_config_auth_mode(config, wanted->auth_mode);
    }
    if (rv == 0) {
        *failed = "tls";
        rv = attach(fn, kind, id, config);
    }
    fn->tls_config_free(config);
    return rv;
}
