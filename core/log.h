// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One-line messages on stderr, written with a single write(2).
//
// Always holds: nothing here allocates, takes a lock or changes errno, so any path of the
// allocator, a signal handler included, may call it. A line is cut at ZP_LINE_MAX bytes, never
// split.

#ifndef ZP_CORE_LOG_H
#define ZP_CORE_LOG_H

#include "base.h"

enum { ZP_LINE_MAX = 512 };

enum zp_log_level {
    ZP_LOG_WARNING = 0, // something the user set or the system refused; always shown
    ZP_LOG_INFO = 1,    // what was decided at start
    ZP_LOG_DETAIL = 2,  // refusals of the kernel that were coped with
};

// A line being put together. Start with zp_line_begin, end with zp_line_write.
struct zp_line {
    size_t length;
    char text[ZP_LINE_MAX];
};

void zp_line_begin(struct zp_line *line, const char *prefix);
void zp_line_text(struct zp_line *line, const char *text);
void zp_line_bytes(struct zp_line *line, const char *text, size_t length);
void zp_line_number(struct zp_line *line, uint64_t number);
void zp_line_pointer(struct zp_line *line, const void *pointer);
void zp_line_byte(struct zp_line *line, uint8_t byte); // two hexadecimal digits
void zp_line_write(struct zp_line *line, int fd);

// Messages above this level are dropped. Set once at start (ZEROPOOL_VERBOSE).
void zp_log_set_level(int level);
bool zp_log_wants(enum zp_log_level level);

// Writes "zeropool: <what><detail>" to stderr if `level` is wanted; `detail` may be NULL.
void zp_log(enum zp_log_level level, const char *what, const char *detail);

#endif
