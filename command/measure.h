// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs a program once and measures it.
//
// Measured is the process with all that it has started and waited for: time from its start until it
// is reaped, CPU time, page faults, and the peak memory of the largest process among them.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_MEASURE_H
#define ZP_COMMAND_MEASURE_H

#include <stdbool.h>

enum zp_measure { ZP_TIME, ZP_CPU, ZP_FAULTS, ZP_PEAK, ZP_MEASURES };

// Name, and unit for JSON.
extern const struct zp_measure_name {
    const char *text, *name, *unit;
} zp_measure_names[ZP_MEASURES];

struct zp_sample {
    double is[ZP_MEASURES]; // seconds, seconds, faults, bytes: less is better in all
    int status;             // as of waitpid
};

// Runs the file `path` with `words`; `prepare` is called with `what` in the new process, to set up
// its environment. Its input is empty, its output is dropped, or goes to stderr if `show`. Returns
// 0, or the error number of a program that could not be started.
int zp_measure_run(const char *path, char **words, void (*prepare)(const void *what),
                   const void *what, bool show, struct zp_sample *sample);

// The middle and the ends of some values.
struct zp_spread {
    double median, lowest, highest;
};
struct zp_spread zp_spread_of(const double *values, unsigned count);

// How `with` compares to `without`.
enum zp_verdict { ZP_SAME, ZP_LESS, ZP_MORE };

// Less or more only if the ranges do not overlap, and the medians differ by a hundredth at least.
enum zp_verdict zp_compare_spreads(const struct zp_spread *without, const struct zp_spread *with);

// Writes a value for people: "1.234 s", "133,932", "789.1 MiB".
enum { ZP_VALUE_MOST = 32 };
void zp_measure_text(enum zp_measure measure, double value, char text[ZP_VALUE_MOST]);

#endif
