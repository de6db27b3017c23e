// SPDX-License-Identifier: MIT OR Apache-2.0

#include "publish.h"

#include "core/helper.h"
#include "core/log.h"
#include "core/os.h"
#include "core/signals.h"
#include "interface/version.h"
#include "preload/report.h"
#include "preload/report_file.h"
#include "preload/start.h"
#include "stats/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    LIVE_EVERY_MS = 500,
    // The helper stays while there may be a signal.
    WATCH_MS = 60 * 1000,
    // A second descriptor of standard error: above the numbers that programs expect to get.
    COPY_FROM = 100,
    RUNTIME_MOST = 256,
};

// Set with the options.
static ZP_FROZEN struct {
    char runtime[RUNTIME_MOST]; // the value of XDG_RUNTIME_DIR; empty: not set
    int copy_of_stderr;         // programs close it before they end; -1: none
} noted = {"", -1};

static struct {
    uint32_t requested;               // a signal has come
    bool begun;                       // the helper has been here
    uint32_t reported_at, updated_at; // on the clock
    struct zp_live_writer live;
} state;

static bool has_file(void)
{
    return zp_options.stats[0] != '\0' && strcmp(zp_options.stats, "exit") != 0;
}

// ---- A report --------------------------------------------------------------------------------

static int write_to_stderr(enum zp_stats_format format)
{
    if (zp_log_is_stderr(STDERR_FILENO))
        return zp_report_write(STDERR_FILENO, format);
    if (zp_log_is_stderr(noted.copy_of_stderr))
        return zp_report_write(noted.copy_of_stderr, format);
    return 0;
}

// 0 or a negative errno.
static int report(void)
{
    enum zp_stats_format format = (enum zp_stats_format)zp_options.stats_format;
    if (!has_file())
        return write_to_stderr(format);
    return zp_os_is_restricted() ? 0 : zp_report_file_write(format);
}

// ---- The helper's work -----------------------------------------------------------------------

static uint32_t rest_of(uint32_t since, uint32_t period)
{
    uint32_t passed = zp_os_clock() - since;
    return passed < period ? period - passed : 0;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t due(void)
{
    if (!state.begun || __atomic_load_n(&state.requested, __ATOMIC_SEQ_CST) != 0)
        return 0;
    uint32_t next = zp_options.stats_signal != 0 ? WATCH_MS : ZP_NEVER;
    if (zp_options.stats_interval_ms != 0)
        next = least(next, rest_of(state.reported_at, (uint32_t)zp_options.stats_interval_ms));
    if (zp_options.live == ZP_LIVE_ON)
        next = least(next, rest_of(state.updated_at, LIVE_EVERY_MS));
    return next;
}

static void begin(void)
{
    state.begun = true;
    state.reported_at = zp_os_clock();
    state.updated_at = state.reported_at - LIVE_EVERY_MS;
    if (zp_options.live != ZP_LIVE_ON || zp_os_is_restricted())
        return;
    struct zp_live_origin origin = {
        .runtime = noted.runtime[0] != '\0' ? noted.runtime : NULL,
        .program = program_invocation_short_name,
        .library = ZP_VERSION,
        .every_ms = LIVE_EVERY_MS,
    };
    char why[64];
    int error = zp_live_writer_begin(&state.live, &origin);
    if (error != 0)
        zp_log(ZP_LOG_WARNING, "ZEROPOOL_LIVE: no file could be made in shared memory: ",
               strerror_r(-error, why, sizeof(why)));
}

static void update_live(void)
{
    struct zp_pool_stats stats;
    state.updated_at = zp_os_clock();
    if (state.live.live == NULL)
        return;
    zp_report_take(&stats);
    zp_live_writer_update(&state.live, &stats);
}

static void work(void)
{
    if (!state.begun)
        begin();
    bool requested = __atomic_exchange_n(&state.requested, 0, __ATOMIC_SEQ_CST) != 0;
    uint32_t interval = (uint32_t)zp_options.stats_interval_ms;
    if (requested || (interval != 0 && rest_of(state.reported_at, interval) == 0)) {
        state.reported_at = zp_os_clock();
        report();
    }
    if (zp_options.live == ZP_LIVE_ON && rest_of(state.updated_at, LIVE_EVERY_MS) == 0)
        update_live();
}

struct zp_background_report zp_publish_work(void)
{
    if (!zp_publish_needs_helper())
        return (struct zp_background_report){NULL, NULL};
    return (struct zp_background_report){due, work};
}

// ---- The signal ------------------------------------------------------------------------------

// No lock, no memory, errno as it was.
static void on_signal(int number)
{
    (void)number;
    __atomic_store_n(&state.requested, 1, __ATOMIC_SEQ_CST);
    zp_helper_wake();
}

// In the order of the words in options.def.
static int signal_number(void)
{
    switch (zp_options.stats_signal) {
    case 1:
        return SIGHUP;
    case 2:
        return SIGQUIT;
    case 3:
        return SIGUSR1;
    case 4:
        return SIGUSR2;
    case 5:
        return SIGURG;
    case 6:
        return SIGPROF;
    case 7:
        return SIGWINCH;
    case 8:
        return SIGIO;
    case 9:
        return SIGPWR;
    case 10:
        return SIGRTMIN;
    default:
        return SIGRTMAX;
    }
}

void zp_publish_watch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    if (zp_options.stats_signal == 0 || sigaction(signal_number(), NULL, &before) != 0)
        return;
    if (before.sa_handler != SIG_DFL) {
        zp_log(ZP_LOG_INFO, "ZEROPOOL_STATS_SIGNAL: the program handles or ignores the signal",
               NULL);
        return;
    }
    sigfillset(&action.sa_mask);
    sigaction(signal_number(), &action, NULL);
}

// ---- Start and end ---------------------------------------------------------------------------

static void note_runtime(char *const *environment)
{
    static const char name[] = "XDG_RUNTIME_DIR=";
    for (; *environment != NULL; environment++) {
        const char *value = *environment + sizeof(name) - 1;
        if (strncmp(*environment, name, sizeof(name) - 1) == 0 && strlen(value) < RUNTIME_MOST)
            memcpy(noted.runtime, value, strlen(value) + 1);
    }
}

void zp_publish_init(char *const *environment)
{
    int saved_errno = errno;
    if (zp_options.live == ZP_LIVE_ON)
        note_runtime(environment);
    if (has_file())
        zp_report_file_init(zp_options.stats);
    else if ((zp_options.stats[0] != '\0' || zp_publish_needs_helper()) &&
             zp_log_is_stderr(STDERR_FILENO))
        noted.copy_of_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, COPY_FROM);
    errno = saved_errno;
}

bool zp_publish_needs_helper(void)
{
    return zp_options.live == ZP_LIVE_ON || zp_options.stats_interval_ms != 0 ||
           zp_options.stats_signal != 0;
}

void zp_publish_child(void)
{
    zp_live_writer_forget(&state.live);
    state.begun = false;
    state.requested = 0;
}

void zp_publish_end(void)
{
    if (!zp_os_is_restricted())
        zp_live_writer_end(&state.live);
    if (zp_options.stats[0] == '\0')
        return;
    zp_signals before = zp_signals_hold(); // a full pipe must not keep the user from ending it
    int error = report();
    if (error == -EPIPE || error == -EFBIG)
        zp_signals_take_raised();
    zp_signals_restore(before);
}
