// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The profile: what each call site does with the buffers it gets, with ZEROPOOL_PROFILE.
//
// A site is a call stack. Above a rate not every request is recorded (sampling.h). A recorded
// buffer is remembered until it is put, which adds to its site how long it lived and how much of it
// was written.
//
// Always holds:
//   - The memory is fixed: ZP_PROFILE_SITES sites and ZP_PROFILE_BUFFERS live buffers. Where there
//     are more stacks, those count for site 0, which has none. What finds no room as a live buffer
//     counts as lost, and as a request only.
//   - Off, the pool pays for one test per slow path and nothing else. On, no request takes a fast
//     path, which would not be seen.
//
// "Written" is an estimate: PROBES pages, spread over the buffer, are looked at before it is made
// zero. A page that the program filled with zeros counts as not written.
//
// Locking: ZP_RANK_PROFILE guards the tables. Stacks are unwound, and pages looked at, outside of
// it. Fork: the child starts with empty tables, and buffers that it inherited are none of its own.
// If it was forked inside the pool (fork.h) it records nothing.

#ifndef ZP_CORE_PROFILE_H
#define ZP_CORE_PROFILE_H

#include "slot.h"

enum {
    ZP_PROFILE_FRAMES = 64,
    ZP_PROFILE_SITES = 4096,
    ZP_PROFILE_BUFFERS = 1 << 16,
};

// The one list of what is known of a site: each is a sum but for those that are called most or
// least. Bytes of buffers are those that the program asked for.
// clang-format off
#define ZP_SITE_FIELDS(X)                                                                       \
    X(sampled,      "requests that were recorded; the others follow from them")                \
    X(count,        "requests")                                                                 \
    X(bytes,        "bytes requested")                                                          \
    X(least,        "smallest request")                                                         \
    X(most,         "largest request")                                                          \
    X(live,         "buffers that the program still has")                                       \
    X(live_bytes,   "their bytes")                                                              \
    X(peak,         "buffers at once, at most")                                                 \
    X(peak_bytes,   "bytes at once, at most")                                                   \
    X(thread_hits,  "served by the thread's own cache")                                         \
    X(shard_hits,   "served by a shard")                                                        \
    X(fresh,        "served by a slot that had no memory yet")                                  \
    X(refused,      "passed to jemalloc")                                                       \
    X(resized,      "reallocs of its buffers")                                                  \
    X(freed,        "buffers put")                                                              \
    X(looked_bytes, "bytes of buffers whose pages were looked at when they were put")           \
    X(written,      "bytes of those that were written, estimated")                              \
    X(read_bytes,   "bytes that large reads put there from files")                              \
    X(lifetime_us,  "microseconds from get to put")                                             \
    X(longest_us,   "the longest of them")
// clang-format on

struct zp_site {
#define ZP_SITE_FIELD(name, help) uint64_t name;
    ZP_SITE_FIELDS(ZP_SITE_FIELD)
#undef ZP_SITE_FIELD
    uint32_t hash;
    uint32_t depth;                  // frames; 0: not in use, but for site 0
    void *frames[ZP_PROFILE_FRAMES]; // return addresses, innermost first
};

struct zp_profile_config {
    bool on;
    uint32_t rate;            // sampling.h
    size_t (*resident)(void); // bytes that the process has in memory; 0 or NULL: not known
};

// How a request was served.
enum zp_served { ZP_SERVED_THREAD, ZP_SERVED_SHARD, ZP_SERVED_FRESH, ZP_SERVED_REFUSED };

struct zp_request {
    struct zp_slot *slot; // NULL if it was refused
    const void *caller;   // a return address in the program: all there is without an unwinder
    size_t size;
    enum zp_served served;
    bool empty; // no page of the buffer was in memory
};

// Called once, before there are buffers. Without memory for the tables it stays off.
void zp_profile_init(const struct zp_profile_config *config);

extern bool zp_profile_on;

// The rest only if it is on.

// The request's buffer is live; a live buffer is about to be put.
void zp_profile_note_get(const struct zp_request *request);
void zp_profile_note_put(const struct zp_slot *slot);

// Up to so many bytes are about to be read into a live buffer from a file.
void zp_profile_note_read(const struct zp_slot *slot, size_t bytes);

// A recorded buffer, while realloc moves it.
struct zp_recorded {
    const struct zp_slot *slot; // NULL: it is not recorded
    size_t size;                // bytes that the program asked for
    uint32_t site, weight;      // how many requests it stands for
    uint32_t born_ms, born_us;  // on the two clocks (os.h)
    size_t read_bytes;          // that large reads put there from files
    bool empty;                 // no page of it was in memory
};

// Takes what is recorded of a buffer before its slot changes; gives it back as that of a slot, of
// `size` bytes.
struct zp_recorded zp_profile_take(const struct zp_slot *slot);
void zp_profile_give(struct zp_recorded recorded, const struct zp_slot *slot, size_t size);

// What was recorded. The first is about all: requests, those recorded, buffers lost.
struct zp_profile_totals {
    uint64_t requests, sampled, lost;
};

void zp_profile_totals(struct zp_profile_totals *totals);

// A copy of a site; false if there is none of that number.
bool zp_profile_site(unsigned number, struct zp_site *site);

// Adds to their sites how much of the live buffers that came without pages is in memory now. Called
// once, at the end.
void zp_profile_look_at_live(void);

// Fork: the lock, and the child. `whole` is false if the lock was not taken.
void zp_profile_lock(void);
void zp_profile_unlock(void);
void zp_profile_reset(bool whole);

#endif
