// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A fuzz target: the first byte chooses, the others are a file of what a program held. No random
// file has the right hash at its end, so the file may also be given it.
//
// Breaks when any file crashes the parser, has it read beyond the file's end, or gives a list that
// cannot be written and read again.

#include "fuzz.h"

#include "config/learned.h"
#include "core/size_class.h"

#include <stdlib.h>

static const char head[] = "program /a\nversion 1 2 3 4\n";
static const char before_hash[] = "\nend ";

enum { HASH_DIGITS = 16, WITH_HASH = 1 };

static struct zp_prewarm list[ZP_PREWARM_MOST], again[ZP_PREWARM_MOST];

// What is read is within its limits, and the same after it has been written.
static void check_read(const char *text, size_t length)
{
    static char written[ZP_LEARNED_MOST];
    unsigned count = zp_learned_read(text, length, head, list);
    MUST(count <= ZP_PREWARM_MOST);
    for (unsigned i = 0; i < count; i++)
        MUST(list[i].count != 0 && list[i].size != 0 && list[i].size <= ZP_CLASS_MAX);
    size_t bytes = zp_learned_write(written, head, list, count);
    MUST(bytes <= sizeof(written));
    unsigned kept = zp_learned_read(written, bytes, head, again);
    MUST(kept <= count && memcmp(list, again, kept * sizeof(list[0])) == 0);
    MUST(kept == count || bytes > sizeof(written) - 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length == 0 || length > ZP_LEARNED_MOST)
        return 0;
    bool with_hash = (bytes[0] & WITH_HASH) != 0;
    size_t own = length - 1, more = with_hash ? sizeof(before_hash) - 1 + HASH_DIGITS + 1 : 0;
    char *text = malloc(own + more + 1); // its own block, so that a read beyond the end shows
    MUST(text != NULL);
    memcpy(text, bytes + 1, own);
    if (with_hash) {
        uint64_t hash = zp_learned_hash(text, own);
        memcpy(text + own, before_hash, sizeof(before_hash) - 1);
        *zp_learned_hex(text + own + sizeof(before_hash) - 1, hash) = '\n';
    }
    char *exact = realloc(text, own + more == 0 ? 1 : own + more);
    MUST(exact != NULL);
    check_read(exact, own + more);
    free(exact);
    return 0;
}
