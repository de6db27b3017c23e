// SPDX-License-Identifier: MIT OR Apache-2.0
//
// When and where reports are published: at exit, at intervals, on a signal, to standard error or a
// file; and the live file.
//
// What happens while the program runs is done by the pool's helper (core/background.h), between two
// parts of its other work. So the pool starts with the program when any of it is asked for. The
// signal handler stores a word and wakes the helper, nothing else.
//
// Always holds:
//   - A file is written under another name and renamed, so that who reads it sees a whole report. A
//     device, a pipe or a link is appended to as it is.
//   - Nothing that fails here reaches the program: signals that a write may raise (SIGPIPE,
//     SIGXFSZ) are blocked, and taken out again.
//   - After the program has installed a filter of system calls nothing but the live file is brought
//     up to date, which takes no call; a report on standard error at exit is still written.
//   - A handler of the program's own is never replaced, and may replace ours at any time.
//
// Locking: none: the helper publishes, and after its end the thread that ends the process.
// Fork: a child publishes for itself: its helper starts with its first large request, and makes a
// live file of its own. Between fork and exec nothing is done.

#ifndef ZP_PRELOAD_PUBLISH_H
#define ZP_PRELOAD_PUBLISH_H

#include "core/background.h"

// The options are known: notes what the program may change before a report is due.
void zp_publish_init(char *const *environment);

// Whether anything is published while the program runs.
bool zp_publish_needs_helper(void);

// For the helper.
struct zp_background_report zp_publish_work(void);

// Sets the handler of the signal, if there is to be one. The pool has started.
void zp_publish_watch(void);

// In the child of a fork.
void zp_publish_child(void);

// The program ends.
void zp_publish_end(void);

#endif
