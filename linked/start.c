// SPDX-License-Identifier: MIT OR Apache-2.0

#include "linked/start.h"

#include "config/resolve.h"
#include "core/fork.h"
#include "core/log.h"
#include "core/pool.h"
#include "core/signals.h"
#include "interface/limits.h"
#include "interface/nodes.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

static struct zp_options options; // the pool keeps pointers into them

static void set_threshold(size_t threshold)
{
    __atomic_store_n(&zp_arena.threshold, threshold, __ATOMIC_RELAXED);
}

static void read_options(void)
{
    static char *nothing[] = {NULL};
    zp_log_init();
    zp_options_defaults(&options);
    if (getauxval(AT_SECURE) == 0) // a set-user-ID program does not trust its environment
        zp_options_parse(&options, environ != NULL ? environ : nothing);
    zp_log_set_level((int)options.verbose);
    zp_options_reconcile(&options);
}

static void start(void)
{
    struct zp_machine machine;
    struct zp_pool_config config;
    read_options();
    set_threshold(options.enable ? (size_t)options.min_size : SIZE_MAX);
    if (!options.enable)
        return;
    struct zp_machine_wants wants = zp_machine_wanted(&options);
    zp_machine_probe(&machine, &wants, "");
    zp_nodes_warn(&options, &machine);
    zp_resolve(&options, &machine, &config);
    if (options.max_memory == ZP_AUTO)
        config.decay.limits_now = zp_limits_now;
    if (zp_pool_init(&config) != 0) {
        zp_log(ZP_LOG_WARNING, "no address space for the pool; every request goes to malloc", NULL);
        set_threshold(SIZE_MAX);
        return;
    }
    zp_pool_prewarm();
}

void zp_linked_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
}

// ---- Fork ------------------------------------------------------------------------------------

static ZP_TLS zp_signals signals; // of the fork under way in this thread

static void prepare(void)
{
    signals = zp_signals_block();
    zp_fork_begin(zp_fork_is_inside());
    zp_fork_prepare();
}

static void parent(void)
{
    zp_fork_parent();
    zp_signals_restore(signals);
}

static void child(void)
{
    zp_fork_child();
    zp_signals_restore(signals);
}

__attribute__((constructor)) static void at_load(void)
{
    if (pthread_atfork(prepare, parent, child) != 0)
        zp_log(ZP_LOG_WARNING, "fork cannot be watched: a child may hang or lack memory", NULL);
}

__attribute__((destructor)) static void at_exit(void)
{
    zp_pool_end();
}
