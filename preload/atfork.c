// SPDX-License-Identifier: MIT OR Apache-2.0

#include "preload/atfork.h"

#include "core/fork.h"
#include "core/log.h"
#include "core/signals.h"
#include "core/spawn.h"
#include "preload/export.h"
#include "preload/jemalloc.h"
#include "preload/passed.h"
#include "preload/publish.h"
#include "preload/sandbox.h"
#include "preload/start.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/single_threaded.h>

typedef void handler(void);
typedef int registrar(handler *prepare, handler *parent, handler *child, void *library);

// libc's names. pthread_atfork, which is linked into each program and library, calls the first.
EXPORT registrar __register_atfork; // NOLINT(bugprone-reserved-identifier)
EXPORT pid_t fork(void);
__attribute__((weak)) handler _IO_list_lock, _IO_list_unlock,
    _IO_list_resetlock; // NOLINT(bugprone-reserved-identifier)

// ---- jemalloc's ------------------------------------------------------------------------------

static struct {
    handler *prepare, *parent, *child;
    _Atomic bool known;
} jemalloc;

static int keep(handler *prepare, handler *parent, handler *child)
{
    jemalloc.prepare = prepare;
    jemalloc.parent = parent;
    jemalloc.child = child;
    atomic_store_explicit(&jemalloc.known, true, memory_order_release);
    return 0;
}

#ifdef ZP_JEMALLOC_SHARED
static unsigned zp_je_locks_held; // not counted with the shared library

static bool is_jemallocs(handler *prepare)
{
    Dl_info theirs, asked;
    return dladdr((void *)mallocx, &theirs) != 0 && dladdr((void *)prepare, &asked) != 0 &&
           theirs.dli_fbase == asked.dli_fbase;
}
#else
int zp_je_pthread_atfork(handler *prepare, handler *parent, handler *child);

// jemalloc's archive calls this instead of pthread_atfork when it starts.
int zp_je_pthread_atfork(handler *prepare, handler *parent, handler *child)
{
    zp_atfork_watch();
    return keep(prepare, parent, child);
}

static bool is_jemallocs(handler *prepare)
{
    (void)prepare;
    return false;
}
#endif

// ---- The fork --------------------------------------------------------------------------------

// Of the fork under way in this thread.
static ZP_TLS struct {
    zp_signals signals;
    bool locked;   // there are other threads
    bool jemalloc; // its handler has run
} fork_of_thread;

static void lock_others(void)
{
    if (_IO_list_lock != NULL)
        _IO_list_lock();
    zp_start_lock();
}

static void prepare(void)
{
    fork_of_thread.signals = zp_signals_block();
    bool interrupted = zp_fork_is_inside() || zp_je_locks_held != 0;
    bool locked = !__libc_single_threaded && !interrupted;
    if (locked)
        lock_others();
    zp_fork_begin(interrupted);
    fork_of_thread.locked = locked;
    fork_of_thread.jemalloc = locked && atomic_load_explicit(&jemalloc.known, memory_order_acquire);
    if (fork_of_thread.jemalloc)
        jemalloc.prepare();
    zp_fork_prepare();
}

static void parent(void)
{
    zp_fork_parent();
    if (fork_of_thread.jemalloc)
        jemalloc.parent();
    if (fork_of_thread.locked) {
        zp_start_unlock();
        if (_IO_list_unlock != NULL)
            _IO_list_unlock();
    }
    zp_signals_restore(fork_of_thread.signals);
}

static void child(void)
{
    if (fork_of_thread.jemalloc) {
        jemalloc.child(); // reinitialises its locks
        zp_je_locks_held = 0;
    }
    zp_fork_child(); // drops pages: hooks of other libraries see that, and may allocate
    zp_sandbox_child();
    zp_publish_child();
    if (fork_of_thread.locked) {
        zp_start_reset();
        // libc has reset it already if it took it; resetting it twice does no harm.
        if (_IO_list_resetlock != NULL)
            _IO_list_resetlock();
    }
    zp_signals_restore(fork_of_thread.signals);
}

// While libc's fork runs handlers it holds, for short times, a lock of its own, unless the process
// has one thread only. A signal handler that forks at such a time would wait for its own thread. In
// a program with threads that is so without this library too. In a program whose only other thread
// is the helper it must not happen, so signals are blocked there.
pid_t fork(void)
{
    if (!zp_spawn_has_run())
        return zp_passed.fork();
    zp_signals before = zp_signals_block();
    pid_t child = zp_passed.fork();
    zp_signals_restore(before);
    return child;
}

// ---- Registration ----------------------------------------------------------------------------

static registrar *libc_registrar(void)
{
    static registrar *_Atomic found; // the same for every thread
    registrar *next = atomic_load_explicit(&found, memory_order_relaxed);
    if (next == NULL) {
        *(void **)&next = dlsym(RTLD_NEXT, "__register_atfork");
        atomic_store_explicit(&found, next, memory_order_relaxed);
    }
    return next;
}

// Registered for no library (NULL): libc removes a library's handlers when the library is closed,
// and at exit even if it stays.
void zp_atfork_watch(void)
{
    static _Atomic bool watched;
    registrar *next = libc_registrar();
    if (atomic_exchange(&watched, true))
        return;
    if (next == NULL || next(prepare, parent, child, NULL) != 0)
        zp_log(ZP_LOG_WARNING, "fork cannot be watched: a child may hang or lack memory", NULL);
}

int __register_atfork(handler *before, handler *in_parent, handler *in_child, void *library)
{
    zp_atfork_watch();
    if (is_jemallocs(before))
        return keep(before, in_parent, in_child);
    registrar *next = libc_registrar();
    return next != NULL ? next(before, in_parent, in_child, library) : ENOMEM;
}
