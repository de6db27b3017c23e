// SPDX-License-Identifier: MIT OR Apache-2.0

#include "learn.h"

#include "config/files.h"
#include "core/log.h"
#include "core/os.h"
#include "core/peak.h"
#include "core/syscall.h"
#include "preload/cache.h"
#include "preload/clock.h"
#include "preload/program.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static struct {
    bool on;
    int process;
    uint32_t start; // on the clock
    struct zp_program program;
    unsigned known, held;                    // entries of
    struct zp_prewarm last[ZP_PREWARM_MOST]; // what was read
    struct zp_prewarm peak[ZP_PREWARM_MOST]; // what is written
    char text[ZP_LEARNED_MOST];
} learn;

// ---- Lists -----------------------------------------------------------------------------------

static size_t bytes_of(const struct zp_prewarm *list, unsigned count)
{
    size_t sum = 0, bytes;
    for (unsigned i = 0; i < count; i++)
        if (__builtin_mul_overflow(list[i].size, (size_t)list[i].count, &bytes) ||
            __builtin_add_overflow(sum, bytes, &sum))
            return SIZE_MAX;
    return sum;
}

// Keeps the first buffers of a list that have no more than `most` bytes together. Returns the
// number of entries.
static unsigned cut(struct zp_prewarm *list, unsigned count, size_t most)
{
    for (unsigned i = 0; i < count; i++) {
        size_t fitting = most / list[i].size;
        if (fitting < list[i].count) {
            list[i].count = (uint32_t)fitting;
            return i + (fitting != 0);
        }
        most -= list[i].size * list[i].count;
    }
    return count;
}

static bool is_as_before(void)
{
    if (learn.held != learn.known)
        return false;
    for (unsigned i = 0; i < learn.held; i++)
        if (learn.peak[i].size != learn.last[i].size || learn.peak[i].count != learn.last[i].count)
            return false;
    return true;
}

// ---- At start --------------------------------------------------------------------------------

static void say_what_is_known(void)
{
    struct zp_line line;
    if (learn.known == 0 || !zp_log_wants(ZP_LOG_INFO))
        return;
    zp_line_begin(&line, "zeropool: ZEROPOOL_PREWARM=learn: ");
    zp_line_number(&line, bytes_of(learn.last, learn.known));
    zp_line_text(&line, " bytes were held the last time");
    zp_line_write(&line);
}

void zp_learn_begin(char *const *environment)
{
    int saved_errno = errno;
    learn.process = (int)zp_syscall(SYS_getpid);
    learn.start = zp_clock_milliseconds();
    zp_cache_find(environment);
    learn.on = zp_program_identify(&learn.program);
    if (learn.on) {
        size_t length = zp_cache_read(learn.program.hash, learn.text, sizeof(learn.text));
        learn.known = zp_learned_read(learn.text, length, learn.program.head, learn.last);
    }
    say_what_is_known();
    errno = saved_errno;
}

struct zp_prewarm_config zp_learn_known(void)
{
    return (struct zp_prewarm_config){.list = learn.last, .count = learn.known, .expires = true};
}

// ---- At the end ------------------------------------------------------------------------------

// The most that the process ever had in memory; 0 if that cannot be told.
static size_t memory_at_peak(void)
{
    static const char name[] = "VmHWM:";
    zp_file_read("", "/proc/self/status", learn.text, sizeof(learn.text));
    const char *found = strstr(learn.text, name);
    if (found == NULL)
        return 0;
    found += sizeof(name) - 1;
    size_t kib = zp_number_at(found + strspn(found, " \t"));
    return kib < SIZE_MAX / ZP_KIB ? kib * ZP_KIB : 0;
}

// What the program held; or, if it held much less than was prepared for it, half of that: the next
// time may be as the last.
static void choose(void)
{
    size_t half = bytes_of(learn.last, learn.known) / 2;
    if (bytes_of(learn.peak, learn.held) >= half)
        return;
    unsigned kept = cut(learn.last, learn.known, half);
    if (kept == 0)
        return;
    memcpy(learn.peak, learn.last, kept * sizeof(learn.peak[0]));
    learn.held = kept;
    learn.known = 0; // what was read is not in the list any more
}

static void keep(void)
{
    bool had_file = learn.known != 0;
    choose();
    if (is_as_before())
        return;
    if (learn.held != 0)
        zp_cache_write(learn.program.hash, learn.text,
                       zp_learned_write(learn.text, learn.program.head, learn.peak, learn.held));
    else if (had_file)
        zp_cache_remove(learn.program.hash);
}

static bool may_keep(void)
{
    return learn.on && !zp_os_is_restricted() && zp_syscall(SYS_getpid) == learn.process &&
           zp_clock_milliseconds() - learn.start >= ZP_PREWARM_DELAY_MS;
}

void zp_learn_end(void)
{
    int saved_errno = errno;
    size_t most = may_keep() ? memory_at_peak() : 0;
    if (most == 0)
        return;
    learn.held = cut(learn.peak, zp_peak_list(learn.peak), most);
    if (learn.held != 0 || !zp_prewarm_pending()) // else it ended early
        keep();
    errno = saved_errno;
}
