// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The processes that publish their counters (ZEROPOOL_LIVE), read again and again, with rates.
//
// Always holds: a rate is taken between two states that the process itself has written, by its own
// time. Of a process that is seen for the first time there is none.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_ROWS_H
#define ZP_COMMAND_ROWS_H

#include "stats/live.h"

struct zp_row {
    struct zp_live live;
    bool rated;         // it was read before, at another time
    double gets, bytes; // a second; 0 unless rated
};

struct zp_rows {
    struct zp_row *rows;
    size_t count;
    unsigned unreadable; // processes whose files this command cannot read
    pid_t *only;         // these processes; NULL: all of the user
    size_t only_count;
};

// Takes the processes from words of the command line: numbers. ZP_DONE, or a status after a
// message.
int zp_rows_choose(struct zp_rows *rows, char **words);

// Reads them all.
void zp_rows_read(struct zp_rows *rows);

// ZP_DONE, or ZP_NOT_SO after a message that one of those that were chosen publishes nothing.
int zp_rows_check(const struct zp_rows *rows);

// What rows are sorted by: the largest first, but for numbers and names.
enum zp_sort {
    ZP_BY_PID,
    ZP_BY_NAME,
    ZP_BY_GETS,
    ZP_BY_HITS,
    ZP_BY_LIVE,
    ZP_BY_RETAINED,
    ZP_SORTS
};
extern const char *const zp_sort_names[ZP_SORTS];

// `rates`: by what happens now, else by what has happened in all.
void zp_rows_sort(struct zp_rows *rows, enum zp_sort order, bool rates);

// Requests of pooled size, and those that found a buffer.
uint64_t zp_row_gets(const struct zp_live *live);
uint64_t zp_row_hits(const struct zp_live *live);

#endif
