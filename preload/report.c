// SPDX-License-Identifier: MIT OR Apache-2.0

#include "report.h"

#include "core/log.h"
#include "core/pool.h"
#include "preload/jemalloc.h"
#include "preload/jemalloc_stats.h"
#include "preload/start.h"
#include "version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

// ---- Text ------------------------------------------------------------------------------------

struct page {
    size_t length;
    char text[4096];
};

static __attribute__((format(printf, 2, 3))) void add(struct page *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof(page->text) - page->length;
    int wanted = vsnprintf(page->text + page->length, room, format, arguments);
    va_end(arguments);
    if (wanted > 0)
        page->length += (size_t)wanted < room ? (size_t)wanted : room - 1;
}

// Numbers with one decimal are formatted from integers, so that the program's locale has no effect.

struct text {
    char is[32];
};

static struct text bytes_text(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    unsigned unit = 0;
    uint64_t tenths = bytes * 10;
    if (bytes >= (uint64_t)1 << 50)
        tenths = UINT64_MAX; // impossible: a counter has wrapped around
    while (tenths >= 10240 && unit < 5) {
        tenths /= 1024;
        unit++;
    }
    struct text text;
    snprintf(text.is, sizeof(text.is), "%llu.%llu %s", (unsigned long long)tenths / 10,
             (unsigned long long)tenths % 10, units[unit]);
    return text;
}

static struct text percent_text(uint64_t part, uint64_t whole)
{
    uint64_t tenths = whole != 0 ? part * 1000 / whole : 0;
    struct text text;
    snprintf(text.is, sizeof(text.is), "%llu.%llu %%", (unsigned long long)tenths / 10,
             (unsigned long long)tenths % 10);
    return text;
}

static void add_requests(struct page *page, const struct zp_counters *c,
                         const struct zp_jemalloc_stats *small)
{
    uint64_t served = zp_counters_served(c), large = served + c->refused;
    const struct {
        const char *by;
        uint64_t count;
    } rows[] = {{"thread cache", c->thread_hits},
                {"shard", c->shard_hits},
                {"fresh memory", c->fresh},
                {"passed to jemalloc", c->refused}};
    add(page, "  large requests       %llu, %s\n", (unsigned long long)large,
        bytes_text(c->bytes_requested).is);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        add(page, "    %-18s %llu (%s)\n", rows[i].by, (unsigned long long)rows[i].count,
            percent_text(rows[i].count, large).is);
    add(page, "  hit rate             %s\n",
        percent_text(c->thread_hits + c->shard_hits, served).is);
    add(page, "  small requests       about %llu, all passed to jemalloc\n",
        (unsigned long long)small->requests);
}

static void add_work(struct page *page, const struct zp_counters *c)
{
    add(page, "  scrubbed             %s overwritten, %s given back instead\n",
        bytes_text(c->bytes_scrubbed).is, bytes_text(c->bytes_dropped).is);
    if (c->helped != 0)
        add(page, "    in the background  %llu buffers\n", (unsigned long long)c->helped);
    if (zp_pool.scrub)
        add(page, "  page faults avoided  up to %llu\n", (unsigned long long)c->warm_pages);
    else
        add(page, "  page faults avoided  not known without scrubbing\n");
    add(page, "  realloc              %llu in place, %llu by moving pages, %llu by copying\n",
        (unsigned long long)c->grown_in_place, (unsigned long long)c->moved_by_pages,
        (unsigned long long)c->moved_by_copy);
    if (zp_read_is_shared())
        add(page, "  shared reads         %llu, %s\n", (unsigned long long)c->reads_shared,
            bytes_text(c->bytes_shared).is);
}

static void add_keeping(struct page *page, const struct zp_pool_stats *stats)
{
    const struct zp_counters *c = &stats->counters;
    add(page, "  still held           %s in %llu buffers\n", bytes_text(stats->live_bytes).is,
        (unsigned long long)stats->live_buffers);
    add(page, "  retained             %s now, %s at most\n", bytes_text(stats->retained_bytes).is,
        bytes_text(stats->retained_peak_bytes).is);
    add(page,
        "  let go               %llu to make room, %llu idle, %llu for want of room, %llu marked\n",
        (unsigned long long)c->evicted, (unsigned long long)c->decayed,
        (unsigned long long)c->unretained, (unsigned long long)c->dropped);
    add(page, "  contention           %llu locks busy, %llu buffers stolen, %llu spilled\n",
        (unsigned long long)c->contended, (unsigned long long)c->stolen,
        (unsigned long long)c->spilled);
}

void zp_report_write(int fd)
{
    struct zp_pool_stats stats;
    struct zp_jemalloc_stats small;
    struct page page = {.length = 0};
    zp_pool_stats(&stats);
    zp_jemalloc_stats(&small);
    add(&page, "zeropool %s: %s (pid %d)\n", ZP_VERSION, program_invocation_short_name,
        (int)getpid());
    const struct zp_counters *c = &stats.counters;
    if (!zp_serves_program()) {
        add(&page, "  nothing was intercepted: the program brings its own allocator\n");
    } else if (!zp_pool.started) {
        add(&page,
            "  the pool never started: no large request was made, or it is off\n"
            "  small requests       about %llu, all passed to jemalloc\n",
            (unsigned long long)small.requests);
    } else {
        add_requests(&page, c, &small);
        add_work(&page, c);
        add_keeping(&page, &stats);
        if (zp_huge_refused)
            add(&page,
                "  huge pages           switched off for this process (PR_SET_THP_DISABLE)\n");
    }
    ssize_t written = write(fd, page.text, page.length);
    (void)written; // nothing can be done about a closed or full stderr
}

// ---- stderr at exit --------------------------------------------------------------------------

// A second descriptor of standard error, for programs that close it before they end; -1: none.
static int copy_of_stderr = -1;

// Above the numbers that programs expect to get from open and dup.
enum { COPY_FROM = 100 };

void zp_report_prepare(void)
{
    int saved_errno = errno;
    if (zp_log_is_stderr(STDERR_FILENO))
        copy_of_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, COPY_FROM);
    errno = saved_errno;
}

void zp_report_at_exit(void)
{
    if (zp_log_is_stderr(STDERR_FILENO))
        zp_report_write(STDERR_FILENO);
    else if (zp_log_is_stderr(copy_of_stderr))
        zp_report_write(copy_of_stderr);
}
