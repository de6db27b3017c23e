// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The live file: what the pool of a running process holds and has done, for other processes of the
// same user (ZEROPOOL_LIVE). `zeropool top` and `zeropool metrics` read it.
//
// Where: $XDG_RUNTIME_DIR/zeropool/PID, or /dev/shm/zeropool-UID/PID where that variable is not
// set or its folder cannot be used. The folder has mode 0700 and belongs to the user, else nobody
// uses it; the file has mode 0600.
//
// Always holds:
//   - A process writes its own file only. It stores an odd `sequence`, writes, and stores an even
//     one. A reader that sees the same even number before and after has read one moment (sequence
//     lock).
//   - Everything is in the byte order and the layout of the machine. `version` changes with the
//     fields here, `signature` with the list of statistics: a reader that knows others than the
//     writer says so, and reads nothing.
//   - A file is stale when its process is gone, or runs another program now (exec) and maps the
//     file no more. Readers remove stale files, and so does a process that creates its own.
//
// A reader never maps the file: one that was cut short would end it with SIGBUS.
//
// Locking: none. Fork: a child has no live file until it makes one of its own (writer.h).

#ifndef ZP_STATS_LIVE_H
#define ZP_STATS_LIVE_H

#include "core/stats.h"

#include <sys/types.h>

#define ZP_LIVE_MAGIC "zp live"

enum { ZP_LIVE_VERSION = 1 };

struct zp_live {
    char magic[8];       // written last, when the file is complete
    uint32_t version;    // ZP_LIVE_VERSION
    uint32_t size;       // of the file, in bytes
    uint64_t signature;  // zp_stat_signature
    uint32_t sequence;   // odd while the rest is being written
    uint32_t pid;        // of the process
    uint64_t started;    // field 22 of /proc/PID/stat: ticks since boot; 0: not known
    uint64_t updated_ms; // milliseconds since 1970: when this was written
    uint64_t every_ms;   // how often it is
    char program[32];    // name of the program, ends in a zero byte
    char library[16];    // version of the library, ends in a zero byte
    struct zp_pool_stats stats;
};

_Static_assert(sizeof(struct zp_live) % sizeof(uint64_t) == 0, "it is copied in words");

// What became of a try to read.
enum zp_live_result {
    ZP_LIVE_READ,
    ZP_LIVE_ABSENT,  // there is no such file, or it cannot be opened
    ZP_LIVE_STALE,   // it was left behind, and has been removed
    ZP_LIVE_FOREIGN, // another version of the library writes it, or it is no live file
    ZP_LIVE_BUSY,    // each of some hundred tries met a write: its writer stopped in the middle
};

// The number of places where live files may be, and the folder of each: a descriptor, or a negative
// errno. `runtime` is the value of XDG_RUNTIME_DIR, NULL if it is not set. `create` makes the
// folder if it is not there. -EPERM: it belongs to another user, or others may write to it.
enum { ZP_LIVE_PLACES = 2 };
int zp_live_open_folder(unsigned place, const char *runtime, bool create);

// What a process holds and has done.
enum zp_live_result zp_live_read(pid_t pid, struct zp_live *live);

// The processes that have a live file, in ascending order, up to `most` of them; returns how many
// there are. Removes those of processes that are gone.
size_t zp_live_list(pid_t *pids, size_t most);

// ---- Parts of it -----------------------------------------------------------------------------

// Whether `length` bytes are a live file that this reader knows and that was not being written.
enum zp_live_result zp_live_check(const void *bytes, size_t length);

// Removes the files of processes that are gone from a folder.
void zp_live_clean(int folder);

// The process that a file belongs to, by its name; 0: none. Whether there is no such process.
pid_t zp_live_pid_of(const char *name);
bool zp_live_is_gone(pid_t pid);

// Field 22 of /proc/PID/stat; 0 if it cannot be read.
uint64_t zp_live_start_of(pid_t pid);

// The name of a process's file; `name` has room for ZP_LIVE_NAME bytes.
enum { ZP_LIVE_NAME = 16 };
void zp_live_name(pid_t pid, char name[ZP_LIVE_NAME]);

#endif
