// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the fuzz targets share: what must hold, said without Check, and choices taken from bytes.
//
// A target is a function from bytes to a run of the code. It must do the same for the same bytes,
// whatever it ran before, so that a failing input can be run again.

#ifndef ZP_TESTS_FUZZ_FUZZ_H
#define ZP_TESTS_FUZZ_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

// libFuzzer keeps the input of a process that aborts.
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#include "tests/unit/support.h"

__attribute__((visibility("default"))) int LLVMFuzzerInitialize(int *argc, char ***argv);
__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *bytes,
                                                                  size_t length);

static inline struct unit_random fuzz_choices(const uint8_t *bytes, size_t length)
{
    static const uint8_t none[1];
    const uint8_t *next = length != 0 ? bytes : none;
    return (struct unit_random){.next = next, .end = next + length};
}

static inline bool fuzz_is_over(const struct unit_random *choices)
{
    return choices->next == choices->end;
}

#endif
