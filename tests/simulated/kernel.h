// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A kernel for a machine that is not there: a stand-in for zp_os_calls (core/os.h).
//
// Large mappings are addresses alone: nothing is reserved, and nobody may touch them. Others, such
// as the tables of slot records, are real memory. Of all of them it is counted how many areas the
// kernel would keep (areas.h), and how often it was called. No page of a large mapping is ever in
// memory: buffers are those of owners who have not touched them. Time stands still unless it is
// said to pass.
//
// Not modelled: forks, files, locked memory, memory that runs out. Calls for these fail.
//
// Locking: none, one thread. Fork: nothing to do.

#ifndef ZP_TESTS_SIMULATED_KERNEL_H
#define ZP_TESTS_SIMULATED_KERNEL_H

#include <stddef.h>
#include <stdint.h>

enum kernel_call {
    KERNEL_MMAP,
    KERNEL_MUNMAP,
    KERNEL_MPROTECT,
    KERNEL_MADVISE_AREA, // advice that changes an area
    KERNEL_MADVISE_PAGES,
    KERNEL_MREMAP,
    KERNEL_MINCORE,
    KERNEL_MEMBARRIER,
    KERNEL_SYSINFO,
    KERNEL_FUTEX,
    KERNEL_CALLS,
};

struct kernel {
    size_t mappings_most;       // vm.max_map_count
    uint64_t microseconds;      // the time,
    uint64_t (*now)(void);      // unless this tells it
    size_t calls[KERNEL_CALLS]; // so far
    size_t all_calls;
    // Called at each call, where not NULL: whoever simulates what it costs.
    void (*spend)(enum kernel_call call, size_t pages);
};

extern struct kernel kernel;

// Takes the place of the real one in zp_os_calls. Before the pool starts.
void kernel_install(size_t mappings_most);

#endif
