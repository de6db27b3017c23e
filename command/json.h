// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Writes JSON to stdout, indented.
//
// In an object every value has a name; in a list and at the top the name is NULL. Texts may hold
// any bytes: what is no UTF-8 is replaced. Numbers do not depend on the locale, which the command
// leaves at "C".
//
// Locking: none.

#ifndef ZP_COMMAND_JSON_H
#define ZP_COMMAND_JSON_H

#include <stdbool.h>
#include <stdint.h>

enum { ZP_JSON_DEEPEST = 8 };

struct zp_json {
    unsigned depth;
    bool empty; // nothing yet at this depth
    char closing[ZP_JSON_DEEPEST];
};

void zp_json_begin(struct zp_json *json);
void zp_json_object(struct zp_json *json, const char *name);
void zp_json_list(struct zp_json *json, const char *name);
void zp_json_end(struct zp_json *json); // of the innermost; a line end after the outermost

void zp_json_text(struct zp_json *json, const char *name, const char *text); // NULL: null
void zp_json_number(struct zp_json *json, const char *name, uint64_t number);
void zp_json_real(struct zp_json *json, const char *name, double number);
void zp_json_bool(struct zp_json *json, const char *name, bool value);

#endif
