// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The options: environment variables that start with ZEROPOOL_.
//
// options.def is the only list: the struct, the parser, the messages and the table in the README
// are made from it. An invalid value is reported in one line on stderr, with the name, the value,
// what is allowed and what is used instead. The program goes on.
//
// Nothing here allocates or changes errno. Locking: none; called once, at start.

#ifndef ZP_CONFIG_OPTIONS_H
#define ZP_CONFIG_OPTIONS_H

#include "core/prewarm.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The value `auto`: the machine decides (resolve.h).
#define ZP_AUTO INT64_MIN

enum zp_zero { ZP_ZERO_FREE, ZP_ZERO_BOTH, ZP_ZERO_BACKGROUND, ZP_ZERO_OFF };
enum zp_thp { ZP_THP_AUTO, ZP_THP_ON, ZP_THP_OFF };
enum zp_eviction_choice { ZP_EVICTION_CLOCKPRO, ZP_EVICTION_LIFO };
enum zp_decay_by { ZP_DECAY_BY_CALLS, ZP_DECAY_BY_THREAD };
enum zp_reclaim { ZP_RECLAIM_LAZY, ZP_RECLAIM_OFF };
enum zp_read_choice { ZP_READ_OFF, ZP_READ_PARALLEL };
enum zp_stats_format { ZP_STATS_TEXT, ZP_STATS_JSON, ZP_STATS_PROMETHEUS };
enum zp_live_choice { ZP_LIVE_OFF, ZP_LIVE_ON };
enum zp_hugetlb { ZP_HUGETLB_OFF, ZP_HUGETLB_2M, ZP_HUGETLB_1G };
enum zp_pin_choice { ZP_PIN_OFF, ZP_PIN_ON };
enum zp_numa { ZP_NUMA_AUTO = ~0, ZP_NUMA_OFF = ~1, ZP_NUMA_LOCAL = ~2, ZP_NUMA_INTERLEAVE = ~3 };
enum zp_stacks { ZP_STACKS_OFF, ZP_STACKS_ON };
// CHECK: enum zp_check (core/pool.h)

enum zp_option_kind {
    ZP_OPTION_NUMBER,       // min to max
    ZP_OPTION_SIGNED,       // min to max, negative values allowed
    ZP_OPTION_POWER_OF_TWO, // min to max
    ZP_OPTION_SIZE,         // bytes; K, M and G multiply by 1024 and its powers
    ZP_OPTION_CHOICE,       // one of `choices`; the value is its index
    ZP_OPTION_NODE,         // one of `choices`, the value being less than 0: ~index; or a number
    ZP_OPTION_LIST, // sizes up to `most`, each with a count after a '*' if not 1; or the word
                    // that `choices` names
    ZP_OPTION_PATH, // a file's name, or one of `choices`
};

enum { ZP_SIZES_MOST = 32 };

struct zp_size_list {
    struct zp_prewarm sizes[ZP_SIZES_MOST]; // ends with a count of 0, or with the last
    bool is_word;                           // it is the word instead
};

// Entries of a list.
unsigned zp_size_list_count(const struct zp_size_list *list);

// The type of an option's field, by kind.
typedef int64_t zp_field_NUMBER, zp_field_SIGNED, zp_field_POWER_OF_TWO, zp_field_SIZE,
    zp_field_CHOICE, zp_field_NODE;
typedef struct zp_size_list zp_field_LIST;
enum { ZP_OPTION_PATH_MOST = 1024 };
typedef char zp_field_PATH[ZP_OPTION_PATH_MOST]; // empty: the default

struct zp_options {
#define ZP_OPTION(name, field, kind, fallback, choices, least, most, allowed, help)                \
    zp_field_##kind field;
#include "options.def"
#undef ZP_OPTION
};

struct zp_option {
    const char *name; // with the prefix
    enum zp_option_kind kind;
    const char *fallback; // the default, as a string in the same format as a value
    const char *choices;  // words separated by '|'
    int64_t least, most;
    const char *allowed; // for messages and documentation
    const char *help;
    size_t offset; // of the field in struct zp_options
};

extern const struct zp_option zp_option_table[];
extern const size_t zp_option_count;

// The option of this name, prefix included; NULL if there is none.
const struct zp_option *zp_option_find(const char *name, size_t length);

// Whether a value of this option would be taken as it is.
bool zp_option_accepts(const struct zp_option *option, const char *text);

// Sets an option to a value. False, and nothing is set, if the value would not be taken.
bool zp_options_set(struct zp_options *options, const struct zp_option *option, const char *text);

// Sets every option to its default.
void zp_options_defaults(struct zp_options *options);

// Sets the options that are in `environment`, a list like environ, and reports invalid ones on
// stderr.
void zp_options_parse(struct zp_options *options, char *const *environment);

// The first option that CHECK=full excludes and that is set otherwise; NULL: they go together.
const struct zp_option *zp_options_conflict(const struct zp_options *options);

// Reports on stderr options that exclude each other, and sets one of them to its default.
void zp_options_reconcile(struct zp_options *options);

#endif
