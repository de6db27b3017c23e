// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What zeropool top shows: lines of text without colours, for people.
//
// Always holds: no line is longer than the columns, and none has control characters: a program may
// have any name.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_PICTURE_H
#define ZP_COMMAND_PICTURE_H

#include "command/rows.h"

#include <stddef.h>

struct zp_picture {
    unsigned lines, columns; // at most; lines 0: any number
    const char *line_end;    // behind every line
    bool rates;              // what happens in a second, else in all
    enum zp_sort order;
    unsigned used; // lines so far
    char *text;
    size_t length, room;
};

// Draws the processes, one a line, or all about one of them. The text is in `picture->text`.
void zp_picture_draw(struct zp_picture *picture, const struct zp_rows *rows, bool detail,
                     const char *title);

#endif
