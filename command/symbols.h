// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Names for the addresses of a profile: functions, source lines, files.
//
// Functions come from the files of machine code that were mapped, if they are still there; source
// lines from addr2line, if that is installed and there is debug information; Python functions from
// the file that Python writes for profilers, /tmp/perf-PID.map.
//
// Locking: none, one thread.

#ifndef ZP_COMMAND_SYMBOLS_H
#define ZP_COMMAND_SYMBOLS_H

#include "command/profile_file.h"

struct zp_symbol {
    uint64_t address;     // a return address
    const char *function; // never NULL: FILE+0xOFFSET, or the address, where no name is known
    const char *source;   // "" if it is not known
    unsigned line;        // 0 if it is not known
    const char *module;   // the file of machine code, "" if there is none
    bool python;          // a function of Python's
};

struct zp_symbols {
    struct zp_symbol *all; // by address
    unsigned count;
    bool python_seen;    // an interpreter of Python is on some stack
    bool python_named;   // and its functions have names
    bool lines_wanted;   // debug information is there, but addr2line is not
    const char *changed; // a file that is not the one any more that was mapped, or NULL
};

void zp_symbols_find(const struct zp_profile_file *file, struct zp_symbols *symbols);

// The symbol of an address that is in the profile.
const struct zp_symbol *zp_symbol_of(const struct zp_symbols *symbols, uint64_t address);

#endif
