// SPDX-License-Identifier: MIT OR Apache-2.0

#include "start.h"

#include "config/resolve.h"
#include "core/log.h"
#include "core/os.h"
#include "core/pool.h"
#include "core/signals.h"
#include "interface/limits.h"
#include "interface/nodes.h"
#include "preload/aside.h"
#include "preload/atfork.h"
#include "preload/clock.h"
#include "preload/frozen.h"
#include "preload/inherit.h"
#include "preload/jemalloc_stats.h"
#include "preload/learn.h"
#include "preload/pressure.h"
#include "preload/profile.h"
#include "preload/publish.h"
#include "preload/reads.h"
#include "preload/trap.h"
#include "preload/unwind.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/auxv.h>
#include <unistd.h>

enum state {
    NEW,
    WAITING, // the options are known
    DONE,    // the pool runs, or will not in this process
};

static _Atomic int state = NEW;

// Until libc sets `environ`, when it starts, malloc is called by the dynamic linker alone. After
// that an empty `environ` says nothing: the program may clear it at any time.
static bool libc_has_started;

ZP_FROZEN struct zp_options zp_options = {0};
ZP_FROZEN bool zp_huge_refused = false;

// Held by who moves the state on.
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void zp_start_lock(void)
{
    pthread_mutex_lock(&turn);
}

void zp_start_unlock(void)
{
    pthread_mutex_unlock(&turn);
}

void zp_start_reset(void)
{
    pthread_mutex_init(&turn, NULL);
}

// The privilege to move the state on, for one thread, which no signal interrupts; nobody waits for
// it.
static bool enter(int from, zp_signals *signals)
{
    if (atomic_load_explicit(&state, memory_order_acquire) != from)
        return false;
    *signals = zp_signals_block();
    if (pthread_mutex_trylock(&turn) == 0) {
        if (atomic_load_explicit(&state, memory_order_relaxed) == from)
            return true;
        pthread_mutex_unlock(&turn);
    }
    zp_signals_restore(*signals);
    return false;
}

static void leave(int to, zp_signals signals)
{
    atomic_store_explicit(&state, to, memory_order_release);
    pthread_mutex_unlock(&turn);
    zp_signals_restore(signals);
}

static void set_threshold(size_t threshold)
{
    __atomic_store_n(&zp_arena.threshold, threshold, __ATOMIC_RELAXED);
}

static void warn_of_small_prewarm(void)
{
    const struct zp_prewarm *item = zp_options.prewarm.sizes;
    for (unsigned i = 0; i < zp_size_list_count(&zp_options.prewarm); i++)
        if (item[i].size < (size_t)zp_options.min_size)
            zp_log(ZP_LOG_WARNING, "ZEROPOOL_PREWARM has a size below ZEROPOOL_MIN_SIZE", NULL);
}

// The program may have cleared it: then it is no list at all.
static char **environment(void)
{
    static char *nothing[] = {NULL};
    return environ != NULL ? environ : nothing;
}

static void step_aside_for_tools(void)
{
    const char *tool = zp_options.enable ? zp_aside_for(environment()) : NULL;
    if (tool == NULL)
        return;
    zp_aside_say(tool);
    zp_options.enable = 0;
}

static bool learns(void)
{
    return zp_options.enable && zp_options.prewarm.is_word;
}

static void read_options(void)
{
    zp_log_init();
    zp_options_defaults(&zp_options);
    if (getauxval(AT_SECURE) == 0) // a set-user-ID program does not trust its environment
        zp_options_parse(&zp_options, environment());
    zp_log_set_level((int)zp_options.verbose);
    zp_publish_init(environment());
    step_aside_for_tools();
    set_threshold(zp_options.enable ? (size_t)zp_options.min_size : SIZE_MAX);
    warn_of_small_prewarm();
    zp_options_reconcile(&zp_options);
    if (learns())
        zp_learn_begin(environment());
}

static void say_what_runs(const struct zp_pool_config *config)
{
    if (!zp_log_wants(ZP_LOG_INFO))
        return;
    struct zp_line line;
    zp_line_begin(&line, "zeropool: pool started: requests from ");
    zp_line_number(&line, config->arena.smallest);
    zp_line_text(&line, " bytes, ");
    zp_line_number(&line, config->shards);
    zp_line_text(&line, " shards of ");
    zp_line_number(&line, config->most_per_shard);
    zp_line_text(&line, ", ");
    zp_line_number(&line, config->thread_cache_most);
    zp_line_text(&line, " buffers and ");
    zp_line_number(&line, config->put.thread_cache_bytes);
    zp_line_text(&line, " bytes per thread, budget ");
    zp_line_number(&line, config->budget);
    zp_line_text(&line, " bytes, huge pages ");
    static const char *const huge_pages[] = {"off", "where all is written", "on"};
    zp_line_text(&line, huge_pages[config->arena.huge_pages]);
    zp_line_text(&line, zp_huge_refused ? " (switched off for this process)" : "");
    zp_line_text(&line, !config->content.scrub        ? ", not scrubbed"
                        : config->content.scrub_again ? ", scrubbed on free and again on malloc"
                        : config->scrub_behind        ? ", scrubbed in the background"
                                                      : ", scrubbed on free");
    if (config->check != ZP_CHECK_BASIC)
        zp_line_text(&line, config->check == ZP_CHECK_FULL ? ", fully checked" : ", not checked");
    zp_line_write(&line);
}

static bool start_pool(void)
{
    struct zp_machine machine;
    struct zp_pool_config config;
    zp_os_calls.clock = zp_clock_milliseconds;
    zp_os_calls.stopwatch = zp_clock_microseconds;
    struct zp_machine_wants wants = zp_machine_wanted(&zp_options);
    zp_machine_probe(&machine, &wants, "");
    zp_nodes_warn(&zp_options, &machine);
    zp_resolve(&zp_options, &machine, &config);
    config.peak = learns();
    if (learns())
        config.prewarm = zp_learn_known();
    config.profile = zp_profile_wanted();
    zp_huge_refused = machine.huge_refused;
    if (zp_options.max_memory == ZP_AUTO)
        config.decay.limits_now = zp_limits_now;
    if (config.decay.by_thread) {
        zp_jemalloc_set_decay(config.decay.idle_ms);
        config.decay.is_pressed = zp_pressure_has_come;
        config.decay.trim_small = zp_jemalloc_trim_idle;
    }
    config.report = zp_publish_work();
    int error = zp_pool_init(&config);
    if (error != 0) {
        zp_log(ZP_LOG_WARNING,
               error == -EPERM
                   ? "the program locks its memory (mlockall); every request goes to jemalloc"
                   : "no address space for the pool; every request goes to jemalloc",
               NULL);
        set_threshold(SIZE_MAX);
        return false;
    }
    say_what_runs(&config);
    zp_publish_watch();
    zp_pool_prewarm();
    return true;
}

// The last change is made by the pool's start or by the constructor, whichever comes later.
static void freeze_if_settled(void)
{
    static _Atomic int settled;
    if (atomic_fetch_add(&settled, 1) == 1)
        zp_freeze();
}

static bool start_if_enabled(zp_signals signals)
{
    zp_atfork_watch();
    bool started = zp_options.enable && start_pool();
    if (started && zp_options.check == ZP_CHECK_FULL)
        zp_trap_set();
    freeze_if_settled();
    leave(DONE, signals);
    return started;
}

// Whether the pool is started before the program makes a large request.
static bool starts_at_once(void)
{
    return zp_size_list_count(&zp_options.prewarm) != 0 || zp_learn_known().count != 0 ||
           zp_publish_needs_helper();
}

static void note_libc_start(void)
{
    __atomic_store_n(&libc_has_started, true, __ATOMIC_RELAXED);
}

bool zp_start(void)
{
    if (environ != NULL)
        note_libc_start();
    if (!__atomic_load_n(&libc_has_started, __ATOMIC_RELAXED))
        return false;
    zp_signals signals;
    if (enter(NEW, &signals)) {
        read_options();
        leave(WAITING, signals);
        return true; // what is large may have changed; the next try starts the pool if need be
    }
    return enter(WAITING, &signals) && start_if_enabled(signals);
}

__attribute__((constructor)) static void at_load(void)
{
    note_libc_start();
    zp_reads_init();
    zp_atfork_watch();
    zp_signals signals;
    if (enter(NEW, &signals)) {
        read_options();
        leave(WAITING, signals);
    }
    if (!zp_options.inherit)
        zp_inherit_end(environment());
    bool record = zp_options.stacks == ZP_STACKS_ON || zp_options.check == ZP_CHECK_FULL;
    zp_unwind_init(record, record || zp_options.profile[0] != '\0');
    freeze_if_settled();
    if (starts_at_once() && enter(WAITING, &signals))
        start_if_enabled(signals);
}

__attribute__((destructor)) static void at_exit(void)
{
    zp_learn_end();
    zp_pool_end();
    zp_publish_end();
    zp_profile_write();
}
