// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A word of a command line as a shell needs it. Locking: none.

#ifndef ZP_COMMAND_QUOTE_H
#define ZP_COMMAND_QUOTE_H

// The word, in single quotes if a shell would take it for something else. The caller frees it.
char *zp_quoted(const char *word);

#endif
