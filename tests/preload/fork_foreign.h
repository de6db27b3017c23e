// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A library that is initialised before the preloaded one and then registers its fork handlers.

#ifndef ZP_TESTS_FORK_FOREIGN_H
#define ZP_TESTS_FORK_FOREIGN_H

// What its handlers do from now on.
void foreign_set_handlers(void (*prepare)(void), void (*parent)(void), void (*child)(void));

#endif
