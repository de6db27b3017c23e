// SPDX-License-Identifier: MIT OR Apache-2.0

#include "report.h"

#include "core/pool.h"
#include "interface/version.h"
#include "preload/clock.h"
#include "preload/jemalloc.h"
#include "preload/jemalloc_stats.h"
#include "preload/start.h"
#include "stats/format.h"
#include "stats/table.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

// ---- The page --------------------------------------------------------------------------------

static void add_requests(struct zp_sink *page, const struct zp_pool_stats *stats)
{
    const struct zp_counters *c = &stats->counters;
    uint64_t served = zp_counters_served(c), large = served + c->refused;
    const struct {
        const char *by;
        uint64_t count;
    } rows[] = {{"thread cache", c->thread_hits},
                {"shard", c->shard_hits},
                {"fresh memory", c->fresh},
                {"passed to jemalloc", c->refused}};
    zp_sink_add(page, "  large requests       %llu, %s\n", (unsigned long long)large,
                zp_bytes_text(c->bytes_requested).is);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        zp_sink_add(page, "    %-18s %llu (%s)\n", rows[i].by, (unsigned long long)rows[i].count,
                    zp_percent_text(rows[i].count, large).is);
    zp_sink_add(page, "  hit rate             %s\n",
                zp_percent_text(c->thread_hits + c->shard_hits, served).is);
    zp_sink_add(page, "  small requests       about %llu, all passed to jemalloc\n",
                (unsigned long long)stats->small_requests);
}

static void add_work(struct zp_sink *page, const struct zp_pool_stats *stats)
{
    const struct zp_counters *c = &stats->counters;
    zp_sink_add(page, "  scrubbed             %s overwritten in %s, %s given back instead\n",
                zp_bytes_text(c->bytes_scrubbed).is, zp_time_text(c->scrub_us).is,
                zp_bytes_text(c->bytes_dropped).is);
    if (c->bytes_found_zero != 0)
        zp_sink_add(page, "    found zero         %s; looking at it is in that time\n",
                    zp_bytes_text(c->bytes_found_zero).is);
    if (c->helped != 0)
        zp_sink_add(page, "    in the background  %llu buffers\n", (unsigned long long)c->helped);
    if (zp_pool.scrub)
        zp_sink_add(page, "  page faults avoided  about %llu, for %llu pages%s\n",
                    (unsigned long long)stats->faults_avoided, (unsigned long long)c->warm_pages,
                    c->bytes_found_zero != 0 ? "; what was found zero is not counted" : "");
    else
        zp_sink_add(page, "  page faults avoided  not known without scrubbing\n");
    if (stats->bytes_fetched != 0)
        zp_sink_add(page, "  time saved           about %s\n", zp_time_text(stats->saved_us).is);
    zp_sink_add(page,
                "  realloc              %llu in place, %llu by moving pages, %llu by copying\n",
                (unsigned long long)c->grown_in_place, (unsigned long long)c->moved_by_pages,
                (unsigned long long)c->moved_by_copy);
    if (zp_read_is_shared())
        zp_sink_add(page, "  shared reads         %llu, %s\n", (unsigned long long)c->reads_shared,
                    zp_bytes_text(c->bytes_shared).is);
}

static void add_keeping(struct zp_sink *page, const struct zp_pool_stats *stats)
{
    const struct zp_counters *c = &stats->counters;
    zp_sink_add(page, "  still held           %s in %llu buffers\n",
                zp_bytes_text(stats->live_bytes).is, (unsigned long long)stats->live_buffers);
    zp_sink_add(page, "  retained             %s now, %s at most\n",
                zp_bytes_text(stats->retained_bytes).is,
                zp_bytes_text(stats->retained_peak_bytes).is);
    zp_sink_add(page,
                "  let go               %llu to make room, %llu idle, %llu for want of room, %llu "
                "shared or remapped\n",
                (unsigned long long)c->evicted, (unsigned long long)c->decayed,
                (unsigned long long)c->unretained, (unsigned long long)c->dropped);
    zp_sink_add(page, "  contention           %llu locks busy, %llu buffers stolen, %llu spilled\n",
                (unsigned long long)c->contended, (unsigned long long)c->stolen,
                (unsigned long long)c->spilled);
}

// ---- The whole -------------------------------------------------------------------------------

void zp_report_take(struct zp_pool_stats *stats)
{
    struct zp_jemalloc_stats small;
    zp_pool_survey(stats);
    zp_jemalloc_stats(&small);
    stats->small_requests = small.requests;
    stats->small_allocated_bytes = small.allocated;
    stats->small_active_bytes = small.active;
}

static void add_page(struct zp_sink *page, const struct zp_pool_stats *stats)
{
    zp_sink_add(page, "zeropool %s: %s (pid %d)\n", ZP_VERSION, program_invocation_short_name,
                (int)getpid());
    if (!zp_serves_program()) {
        zp_sink_add(page, "  nothing was intercepted: the program brings its own allocator\n");
    } else if (!zp_pool.started) {
        zp_sink_add(page,
                    "  the pool never started: no large request was made, or it is off\n"
                    "  small requests       about %llu, all passed to jemalloc\n",
                    (unsigned long long)stats->small_requests);
    } else {
        add_requests(page, stats);
        add_work(page, stats);
        add_keeping(page, stats);
        if (stats->reserved_refused != 0)
            zp_sink_add(
                page,
                "  reserved huge pages  too few; times a buffer got none: %llu (vm.nr_hugepages)\n",
                (unsigned long long)stats->reserved_refused);
        if (zp_huge_refused)
            zp_sink_add(
                page,
                "  huge pages           switched off for this process (PR_SET_THP_DISABLE)\n");
        zp_format_details(page, stats);
    }
}

static uint64_t now_ms(void)
{
    struct timespec now = {0, 0};
    zp_je_clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int zp_report_write(int fd, enum zp_stats_format format)
{
    struct zp_pool_stats stats;
    struct zp_sink sink;
    zp_report_take(&stats);
    zp_sink_begin(&sink, fd);
    struct zp_about about = {
        .pid = getpid(),
        .program = program_invocation_short_name,
        .library = ZP_VERSION,
        .time_ms = now_ms(),
        .status = !zp_serves_program() ? "not intercepted"
                  : zp_pool.started    ? "running"
                                       : "not started",
        .stats = &stats,
    };
    if (format == ZP_STATS_TEXT)
        add_page(&sink, &stats);
    if (format == ZP_STATS_JSON) {
        zp_format_json(&sink, &about);
        zp_sink_add(&sink, "\n");
    }
    if (format == ZP_STATS_PROMETHEUS)
        zp_format_prometheus(&sink, &about, 1);
    return zp_sink_end(&sink);
}
