/* Which process and which thread this is.
 *
 * A forked child inherits the memory of its parent's sockets but not the threads that serve them.
 * Every handle carries the generation of the process that made it; comparing a number is cheaper
 * than asking the system for the process id on every message.
 */
#include "engine.h"

#include <signal.h>

atomic_uint amq_generation;

static unsigned long main_thread;

static void in_child(void)
{
    atomic_fetch_add(&amq_generation, 1);
    amq_forget_pending();
}

int amq_process_init(void)
{
    static bool registered;
    if (!registered && pthread_atfork(NULL, NULL, in_child) != 0) {
        PyErr_NoMemory();
        return -1;
    }
    registered = true;
    return 0;
}

void amq_set_main_thread(unsigned long ident)
{
    main_thread = ident;
}

int amq_thread_start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for Python's threads */
    int error = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

bool amq_in_main_thread(void)
{
    return PyThread_get_thread_ident() == main_thread;
}
