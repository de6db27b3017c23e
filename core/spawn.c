// SPDX-License-Identifier: MIT OR Apache-2.0

#include "spawn.h"

#include "libc.h"
#include "os.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

enum { STACK_BYTES = 128 * 1024 };

static bool has_run;

// A function travels as a pointer to an object: ISO C has no other way.
static void *begin(void *argument)
{
    void (*run)(void);
    *(void **)&run = argument;
    pthread_setname_np(pthread_self(), "zeropool");
    run();
    return NULL;
}

// With all signals blocked but those of libc's own. Where that is no attribute of a thread, it has
// its mask from the thread that starts it.
static int create_blocked(pthread_attr_t *attributes, void *argument)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_attr_setsigmask_np != NULL) {
        int error = pthread_attr_setsigmask_np(attributes, &all);
        return error != 0 ? error : pthread_create(&thread, attributes, begin, argument);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, attributes, begin, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

// Modest: with a small stack and the default scheduling, whatever the starting thread has. Else
// like the program's own threads.
static int create(void (*run)(void), bool modest)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = 0;
    if (modest)
        error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (error == 0 && modest)
        error = pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    if (error == 0)
        error = create_blocked(&attributes, *(void **)&run);
    pthread_attr_destroy(&attributes);
    return error;
}

bool zp_spawn(void (*run)(void))
{
    int saved_errno = errno;
    __atomic_store_n(&has_run, true, __ATOMIC_SEQ_CST);
    bool started = !zp_os_is_restricted() && (create(run, true) == 0 || create(run, false) == 0);
    errno = saved_errno;
    return started;
}

bool zp_spawn_has_run(void)
{
    return __atomic_load_n(&has_run, __ATOMIC_RELAXED);
}

void zp_spawn_reset(void)
{
    has_run = false;
}
