// SPDX-License-Identifier: MIT OR Apache-2.0

#include "rows.h"

#include "command/arguments.h"
#include "command/say.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

const char *const zp_sort_names[ZP_SORTS] = {
    [ZP_BY_PID] = "pid",   [ZP_BY_NAME] = "name", [ZP_BY_GETS] = "gets",
    [ZP_BY_HITS] = "hits", [ZP_BY_LIVE] = "live", [ZP_BY_RETAINED] = "retained",
};

uint64_t zp_row_gets(const struct zp_live *live)
{
    return zp_counters_served(&live->stats.counters) + live->stats.counters.refused;
}

uint64_t zp_row_hits(const struct zp_live *live)
{
    return live->stats.counters.thread_hits + live->stats.counters.shard_hits;
}

// ---- Which processes -------------------------------------------------------------------------

int zp_rows_choose(struct zp_rows *rows, char **words)
{
    size_t count = 0;
    *rows = (struct zp_rows){.rows = NULL};
    while (words[count] != NULL)
        count++;
    if (count == 0)
        return ZP_DONE;
    rows->only = zp_room(count, sizeof(*rows->only));
    for (; rows->only_count < count; rows->only_count++) {
        const char *word = words[rows->only_count];
        long pid;
        if (!zp_read_number(word, 1, INT_MAX, &pid))
            return zp_wrong("%s: expected the number of a process", word);
        if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
            return zp_wrong("there is no process %ld", pid);
        rows->only[rows->only_count] = (pid_t)pid;
    }
    return ZP_DONE;
}

// The numbers of all processes that have a file; their count.
static size_t list_all(pid_t **pids)
{
    size_t room = 64, count;
    while (true) {
        *pids = zp_room(room, sizeof(**pids));
        count = zp_live_list(*pids, room);
        if (count <= room)
            return count;
        free(*pids);
        room = 2 * count;
    }
}

// ---- Reading ---------------------------------------------------------------------------------

static const struct zp_row *find_row(const struct zp_rows *rows, const struct zp_live *live)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->rows[i].live.pid == live->pid && rows->rows[i].live.started == live->started)
            return &rows->rows[i];
    return NULL;
}

static double rate(uint64_t before, uint64_t now, double seconds)
{
    return now > before ? (double)(now - before) / seconds : 0;
}

static void set_rates(struct zp_row *row, const struct zp_row *before)
{
    const struct zp_live *now = &row->live, *then = &before->live;
    if (now->updated_ms <= then->updated_ms) {
        row->rated = before->rated;
        row->gets = before->gets; // it has not written since
        row->bytes = before->bytes;
        return;
    }
    row->rated = true;
    double seconds = (double)(now->updated_ms - then->updated_ms) / 1000;
    row->gets = rate(zp_row_gets(then), zp_row_gets(now), seconds);
    row->bytes =
        rate(then->stats.counters.bytes_requested, now->stats.counters.bytes_requested, seconds);
}

void zp_rows_read(struct zp_rows *rows)
{
    pid_t *pids = rows->only;
    size_t count = rows->only != NULL ? rows->only_count : list_all(&pids), read = 0;
    struct zp_row *fresh = zp_room(count + 1, sizeof(*fresh));
    rows->unreadable = 0;
    for (size_t i = 0; i < count; i++) {
        struct zp_row *row = &fresh[read];
        enum zp_live_result result = zp_live_read(pids[i], &row->live);
        rows->unreadable += result == ZP_LIVE_FOREIGN || result == ZP_LIVE_BUSY;
        if (result != ZP_LIVE_READ)
            continue;
        const struct zp_row *before = find_row(rows, &row->live);
        row->rated = false;
        row->gets = row->bytes = 0;
        if (before != NULL)
            set_rates(row, before);
        read++;
    }
    if (pids != rows->only)
        free(pids);
    free(rows->rows);
    rows->rows = fresh;
    rows->count = read;
}

int zp_rows_check(const struct zp_rows *rows)
{
    for (size_t i = 0; i < rows->only_count; i++) {
        bool found = false;
        for (size_t j = 0; j < rows->count; j++)
            found |= rows->rows[j].live.pid == (uint32_t)rows->only[i];
        if (!found)
            return zp_fail(
                ZP_NOT_SO,
                "process %d publishes no counters that this version reads; start it with "
                "ZEROPOOL_LIVE=on",
                (int)rows->only[i]);
    }
    return ZP_DONE;
}

// ---- Sorting ---------------------------------------------------------------------------------

static enum zp_sort sort_order;
static bool sort_rates;

static double value_of(const struct zp_row *row)
{
    uint64_t gets = zp_row_gets(&row->live);
    switch (sort_order) {
    case ZP_BY_GETS:
        return sort_rates ? row->gets : (double)gets;
    case ZP_BY_HITS:
        return gets > 0 ? (double)zp_row_hits(&row->live) / (double)gets : 0;
    case ZP_BY_LIVE:
        return (double)row->live.stats.live_bytes;
    case ZP_BY_RETAINED:
        return (double)row->live.stats.retained_bytes;
    default:
        return 0;
    }
}

static int compare(const void *a, const void *b)
{
    const struct zp_row *left = a, *right = b;
    int order = 0;
    if (sort_order == ZP_BY_NAME)
        order = strcmp(left->live.program, right->live.program);
    else
        order = (value_of(left) < value_of(right)) - (value_of(left) > value_of(right));
    return order != 0 ? order
                      : (left->live.pid > right->live.pid) - (left->live.pid < right->live.pid);
}

void zp_rows_sort(struct zp_rows *rows, enum zp_sort order, bool rates)
{
    sort_order = order;
    sort_rates = rates;
    qsort(rows->rows, rows->count, sizeof(*rows->rows), compare);
}
