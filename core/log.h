// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One-line messages on stderr, written with a single write(2).
//
// Always holds:
//   - Nothing here allocates, takes a lock or changes errno, so it may be called anywhere in the
//     allocator and in signal handlers. A line is cut at ZP_LINE_MAX bytes, never split.
//   - Descriptor 2 is written to only while it is the file that it was at zp_log_init. When a
//   daemon
//     has closed it, the next file that it opens, perhaps a database, gets the number.
//
// Locking: none; what zp_log_init sets is only read afterwards. Fork: the child inherits it.

#ifndef ZP_CORE_LOG_H
#define ZP_CORE_LOG_H

#include "base.h"

enum { ZP_LINE_MAX = 512 };

enum zp_log_level {
    ZP_LOG_WARNING = 0, // something the user set, or the system refused; always shown
    ZP_LOG_INFO = 1,    // what was decided at start
    ZP_LOG_DETAIL = 2,  // refusals of the kernel that were handled
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

// Writes the line to standard error; if there is none any more, the message is lost.
void zp_line_write(struct zp_line *line);

// Notes which file standard error is. Called once, at load; before it, descriptor 2 is trusted.
void zp_log_init(void);

// Whether a descriptor is the file that standard error was at zp_log_init.
bool zp_log_is_stderr(int fd);

// Called before a filter of system calls is installed: finds out now whether descriptor 2 is
// standard error, and does not ask again, because the filter may kill the program for fstat.
void zp_log_settle(void);

// Messages above this level are dropped. Set once at start (ZEROPOOL_VERBOSE).
void zp_log_set_level(int level);
bool zp_log_wants(enum zp_log_level level);

// Writes "zeropool: <what><detail>" to stderr if `level` is wanted; `detail` may be NULL.
void zp_log(enum zp_log_level level, const char *what, const char *detail);

#endif
