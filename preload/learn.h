// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Learn: ZEROPOOL_PREWARM=learn has what a program held at its peak made ready when it starts the
// next time.
//
// At the program's start its file of the last time is read (cache.h), and what that lists is
// prepared a tenth of a second later (core/prewarm.h). At exit the peak is written if it is another
// one. Nothing is written by a program that ends before anything could have been prepared, by
// _exit, exec or a signal, by the child of a fork, or under a filter of system calls: the file of
// the last time stays.
//
// Always holds: what is prepared at the next start was in memory at once this time. Of what was
// prepared and is not needed any more, half is prepared at the next start, then a quarter, then
// nothing.
//
// Locking: the start is one thread's (start.h), and so is the end. Fork: a child is told from its
// parent by the number of the process.

#ifndef ZP_PRELOAD_LEARN_H
#define ZP_PRELOAD_LEARN_H

#include "core/prewarm.h"

// Reads what is known. Called once, at start.
void zp_learn_begin(char *const *environment);

// What is to be prepared: none if nothing is known.
struct zp_prewarm_config zp_learn_known(void);

// The program ends, having started the pool.
void zp_learn_end(void);

#endif
