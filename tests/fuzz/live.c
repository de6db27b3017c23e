// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A fuzz target: bytes are a live file, or places and values that damage a whole one.
//
// Breaks when a torn or forged file crashes its reader, is read although its strings have no end,
// or makes a report that is no text.

#include "fuzz.h"
#include "stats/format.h"
#include "stats/table.h"

#include <fcntl.h>

static struct zp_live live;
static int nowhere;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    MUST(nowhere >= 0);
    return 0;
}

static void make_whole(void)
{
    live = (struct zp_live){
        .magic = ZP_LIVE_MAGIC,
        .version = ZP_LIVE_VERSION,
        .size = sizeof(live),
        .signature = zp_stat_signature(),
        .sequence = 2,
        .program = "fuzz",
        .library = "1",
    };
}

// Each four bytes: two of a place, two of a value there.
static void damage(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i + 4 <= length; i += 4) {
        size_t at = ((size_t)bytes[i] << 8 | bytes[i + 1]) % sizeof(live);
        ((uint8_t *)&live)[at] = bytes[i + 2];
        ((uint8_t *)&live)[(at + 1) % sizeof(live)] = bytes[i + 3];
    }
}

static void report(void)
{
    static struct zp_sink sink;
    struct zp_about about = zp_about_live(&live);
    zp_sink_begin(&sink, nowhere);
    zp_format_json(&sink, &about);
    zp_format_prometheus(&sink, &about, 1);
    zp_format_details(&sink, about.stats);
    MUST(zp_sink_end(&sink) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    size_t whole = length > 0 && bytes[0] % 2 != 0 ? sizeof(live) : length;
    if (whole == sizeof(live)) {
        make_whole();
        damage(bytes + 1, length > 0 ? length - 1 : 0);
    } else {
        memset(&live, 0, sizeof(live));
        memcpy(&live, bytes, length < sizeof(live) ? length : sizeof(live));
    }
    enum zp_live_result result = zp_live_check(&live, whole);
    MUST(whole >= sizeof(live) || result == ZP_LIVE_FOREIGN);
    if (result == ZP_LIVE_READ) {
        MUST(strlen(live.program) < sizeof(live.program) &&
             strlen(live.library) < sizeof(live.library));
        report();
    }
    return 0;
}
