// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The terminal while something is shown in it that changes.
//
// Always holds: between zp_terminal_begin and zp_terminal_end keys arrive one by one and are not
// shown, and the screen is another one than the user's. The end restores both, and so do signals
// that end or stop the program: they are noticed by zp_terminal_wait, between two pictures.
//
// Locking: none, one thread. Only one at a time.

#ifndef ZP_COMMAND_TERMINAL_H
#define ZP_COMMAND_TERMINAL_H

#include <stdbool.h>

// Whether stdin and stdout are a terminal whose cursor can be moved.
bool zp_terminal_is_there(void);

void zp_terminal_begin(void);
void zp_terminal_end(void);

// Lines and columns, at least 2 and 20.
void zp_terminal_size(unsigned *lines, unsigned *columns);

// Waits for a key: its letter, or one of these.
enum zp_event {
    ZP_EVENT_TIME = 256, // so many milliseconds have passed
    ZP_EVENT_DRAW,       // the size has changed, or the program goes on after it was stopped
    ZP_EVENT_END,        // a signal asks it to end, or the terminal is gone
};
int zp_terminal_wait(int milliseconds);

// The signal that ZP_EVENT_END stands for; 0: the terminal is gone.
int zp_terminal_signal(void);

#endif
