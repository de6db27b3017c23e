// SPDX-License-Identifier: MIT OR Apache-2.0

#include "measure.h"

#include "command/children.h"
#include "command/say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const struct zp_measure_name zp_measure_names[ZP_MEASURES] = {
    [ZP_TIME] = {"time", "time", "seconds"},
    [ZP_CPU] = {"CPU time", "cpu_time", "seconds"},
    [ZP_FAULTS] = {"page faults", "page_faults", "faults"},
    [ZP_PEAK] = {"peak memory", "peak_memory", "bytes"},
};

// ---- One run ---------------------------------------------------------------------------------

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void redirect(bool show)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return;
    dup2(null, STDIN_FILENO);
    dup2(show ? STDERR_FILENO : null, STDOUT_FILENO);
    if (!show)
        dup2(null, STDERR_FILENO);
}

int zp_measure_run(const char *path, char **words, void (*prepare)(const void *what),
                   const void *what, bool show, struct zp_sample *sample)
{
    int failure[2];
    struct rusage used = {.ru_maxrss = 0};
    int error = zp_children_pipe(failure);
    if (error != 0)
        return error;
    double start = now();
    pid_t pid = fork();
    if (pid == 0) {
        prepare(what);
        redirect(show);
        zp_children_become(path, words, failure);
    }
    if (pid < 0)
        error = errno;
    int failed = zp_children_await_exec(failure);
    if (error == 0)
        error = failed;
    while (pid > 0 && wait4(pid, &sample->status, 0, &used) < 0 && errno == EINTR)
        ;
    if (error != 0)
        return error;
    sample->is[ZP_TIME] = now() - start;
    sample->is[ZP_CPU] = seconds(used.ru_utime) + seconds(used.ru_stime);
    sample->is[ZP_FAULTS] = (double)(used.ru_minflt + used.ru_majflt);
    sample->is[ZP_PEAK] = (double)used.ru_maxrss * 1024;
    return 0;
}

// ---- Several ---------------------------------------------------------------------------------

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

struct zp_spread zp_spread_of(const double *values, unsigned count)
{
    double *sorted = zp_room(count, sizeof(*sorted));
    memcpy(sorted, values, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), by_value);
    struct zp_spread spread = {
        .median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2,
        .lowest = sorted[0],
        .highest = sorted[count - 1],
    };
    free(sorted);
    return spread;
}

enum zp_verdict zp_compare_spreads(const struct zp_spread *without, const struct zp_spread *with)
{
    const double least = 1.01;
    if (with->highest < without->lowest && without->median >= with->median * least)
        return ZP_LESS;
    if (with->lowest > without->highest && with->median >= without->median * least)
        return ZP_MORE;
    return ZP_SAME;
}

// ---- Text ------------------------------------------------------------------------------------

static void time_text(double value, char text[ZP_VALUE_MOST])
{
    if (value < 1)
        snprintf(text, ZP_VALUE_MOST, "%.*f ms", value < 0.1 ? 2 : 1, value * 1e3);
    else
        snprintf(text, ZP_VALUE_MOST, "%.*f s", value < 10 ? 3 : 2, value);
}

// With a comma before every three digits.
static void count_text(double value, char text[ZP_VALUE_MOST])
{
    char digits[ZP_VALUE_MOST];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)(value + 0.5));
    char *to = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
}

static void bytes_text(double value, char text[ZP_VALUE_MOST])
{
    if (value < 1 << 30)
        snprintf(text, ZP_VALUE_MOST, "%.1f MiB", value / (1 << 20));
    else
        snprintf(text, ZP_VALUE_MOST, "%.2f GiB", value / (1 << 30));
}

void zp_measure_text(enum zp_measure measure, double value, char text[ZP_VALUE_MOST])
{
    if (measure == ZP_FAULTS)
        count_text(value, text);
    else if (measure == ZP_PEAK)
        bytes_text(value, text);
    else
        time_text(value, text);
}
