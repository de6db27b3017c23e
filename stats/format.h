// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reports as JSON, as Prometheus text and as lines for people, from the table of statistics.
//
// Text goes through a small buffer, so that a report of any length needs little memory: a thread
// with a small stack, or a program that is about to end, can write one. Nothing here allocates.
// Numbers are formatted from integers, so that the program's locale has no effect.
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_STATS_FORMAT_H
#define ZP_STATS_FORMAT_H

#include "core/stats.h"
#include "stats/live.h"

#include <sys/types.h>

// Where text goes.
struct zp_sink {
    int fd;
    int error; // errno of the first write that failed; nothing is written after it
    size_t length;
    char text[4096]; // a page at exit is one write
};

void zp_sink_begin(struct zp_sink *sink, int fd);
__attribute__((format(printf, 2, 3))) void zp_sink_add(struct zp_sink *sink, const char *format,
                                                       ...);

// Writes what is left: 0, or a negative errno if anything could not be written.
int zp_sink_end(struct zp_sink *sink);

// Bytes of the UTF-8 character at the start of a string; 0 if it is none.
size_t zp_character_bytes(const unsigned char *text);

// Numbers with one decimal and a unit, for people.
struct zp_text {
    char is[32];
};

struct zp_text zp_bytes_text(uint64_t bytes);
struct zp_text zp_time_text(uint64_t microseconds);
struct zp_text zp_percent_text(uint64_t part, uint64_t whole);

// What a report is about.
struct zp_about {
    pid_t pid;
    const char *program;
    const char *library; // its version
    uint64_t time_ms;    // milliseconds since 1970
    const char *status;  // "running", or why there is nothing to report
    const struct zp_pool_stats *stats;
};

// The report that a live file holds.
struct zp_about zp_about_live(const struct zp_live *live);

// One JSON object, without a newline after it.
void zp_format_json(struct zp_sink *sink, const struct zp_about *about);

// Prometheus text (version 0.0.4) of several processes: a metric comes once, with a sample for
// each.
void zp_format_prometheus(struct zp_sink *sink, const struct zp_about *about, size_t count);

// For people: every value that is not 0, a line for each metric, and the size classes.
void zp_format_details(struct zp_sink *sink, const struct zp_pool_stats *stats);

#endif
