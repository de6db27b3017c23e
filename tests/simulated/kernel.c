// SPDX-License-Identifier: MIT OR Apache-2.0

#include "kernel.h"

#include "areas.h"

#include "core/os.h"

#include <errno.h>
#include <string.h>

// Attributes of an area.
enum {
    MAPPED = 1,
    READ = 2,
    WRITE = 4,
    CHARGED = 8, // was writable: counts as committed
    DONTDUMP = 16,
    HUGE_PAGES = 32,
    NO_HUGE_PAGES = 64,
    DONTFORK = 128,
};

// Mappings of this size and more are addresses alone, from a place where nothing else is.
#define LARGE (64 * ZP_GIB)
#define PLACE ((uint64_t)1 << 45)

struct kernel kernel;

static uint64_t next_place = PLACE;

static bool is_simulated(const void *address)
{
    return (uint64_t)(uintptr_t)address >= PLACE && (uint64_t)(uintptr_t)address < next_place;
}

static void enter(enum kernel_call call, size_t length)
{
    kernel.calls[call]++;
    kernel.all_calls++;
    if (kernel.spend != NULL)
        kernel.spend(call, length / zp_os_page_size());
}

// An area may become three.
static bool has_areas_left(void)
{
    if (areas_count() + 2 <= kernel.mappings_most)
        return true;
    errno = ENOMEM;
    return false;
}

static uint32_t access_of(int protection)
{
    return ((protection & PROT_READ) != 0 ? READ : 0) |
           ((protection & PROT_WRITE) != 0 ? WRITE | CHARGED : 0);
}

static void *new_addresses(size_t length)
{
    uint64_t place = next_place;
    next_place += zp_round_up(length, ZP_GIB) + ZP_GIB;
    return (void *)(uintptr_t)place;
}

static void *kernel_mmap(void *address, size_t length, int protection, int flags, int fd,
                         off_t offset)
{
    enter(KERNEL_MMAP, length);
    if (!has_areas_left())
        return MAP_FAILED;
    void *at = address;
    if ((flags & MAP_FIXED) == 0 && length >= LARGE)
        at = new_addresses(length);
    else if (!is_simulated(address))
        at = mmap(address, length, protection, flags | MAP_NORESERVE, fd, offset);
    uint64_t from = (uint64_t)(uintptr_t)at;
    if (at != MAP_FAILED)
        areas_set(from, from + length, MAPPED | access_of(protection));
    return at;
}

static int kernel_munmap(void *address, size_t length)
{
    enter(KERNEL_MUNMAP, length);
    if (!has_areas_left())
        return -1;
    uint64_t from = (uint64_t)(uintptr_t)address;
    areas_set(from, from + length, AREA_NONE);
    return is_simulated(address) ? 0 : munmap(address, length);
}

static int kernel_mprotect(void *address, size_t length, int protection)
{
    enter(KERNEL_MPROTECT, length);
    if (!has_areas_left())
        return -1;
    uint64_t from = (uint64_t)(uintptr_t)address;
    areas_change(from, from + length, READ | WRITE, access_of(protection));
    return is_simulated(address) ? 0 : mprotect(address, length, protection);
}

static bool changes_area(int advice, uint32_t *clear, uint32_t *add)
{
    static const struct {
        int advice;
        uint32_t clear, add;
    } known[] = {
        {MADV_DONTDUMP, 0, DONTDUMP},
        {MADV_DODUMP, DONTDUMP, 0},
        {MADV_HUGEPAGE, NO_HUGE_PAGES, HUGE_PAGES},
        {MADV_NOHUGEPAGE, HUGE_PAGES, NO_HUGE_PAGES},
        {MADV_DONTFORK, 0, DONTFORK},
        {MADV_DOFORK, DONTFORK, 0},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].advice != advice)
            continue;
        *clear = known[i].clear;
        *add = known[i].add;
        return true;
    }
    return false;
}

static int kernel_madvise(void *address, size_t length, int advice)
{
    uint64_t from = (uint64_t)(uintptr_t)address;
    uint32_t clear, add;
    if (!changes_area(advice, &clear, &add)) {
        enter(KERNEL_MADVISE_PAGES, length);
        return is_simulated(address) ? 0 : madvise(address, length, advice);
    }
    enter(KERNEL_MADVISE_AREA, length);
    if (!has_areas_left())
        return -1;
    areas_change(from, from + length, clear, add);
    return 0;
}

static void *kernel_mremap(void *from, size_t length, size_t new_length, int flags, ...)
{
    (void)from;
    (void)new_length;
    (void)flags;
    enter(KERNEL_MREMAP, length);
    errno = EINVAL;
    return MAP_FAILED;
}

static int kernel_mincore(void *address, size_t length, unsigned char *vector)
{
    enter(KERNEL_MINCORE, length);
    if (!is_simulated(address))
        return mincore(address, length, vector);
    memset(vector, 0, (length + zp_os_page_size() - 1) / zp_os_page_size());
    return 0;
}

static int kernel_membarrier(int command)
{
    (void)command;
    enter(KERNEL_MEMBARRIER, 0);
    return 0;
}

static uint64_t now(void)
{
    return kernel.now != NULL ? kernel.now() : kernel.microseconds;
}

static uint32_t kernel_clock(void)
{
    return (uint32_t)(now() / 1000);
}

static uint32_t kernel_stopwatch(void)
{
    return (uint32_t)now();
}

static int kernel_sysinfo(struct sysinfo *info)
{
    enter(KERNEL_SYSINFO, 0);
    *info = (struct sysinfo){.mem_unit = 1};
    return 0;
}

static int kernel_futex(uint32_t *word, int operation, uint32_t value, const struct timespec *time)
{
    (void)word;
    (void)operation;
    (void)value;
    (void)time;
    enter(KERNEL_FUTEX, 0);
    errno = EAGAIN;
    return -1;
}

void kernel_install(size_t mappings_most)
{
    kernel.mappings_most = mappings_most;
    zp_os_calls.mmap = kernel_mmap;
    zp_os_calls.munmap = kernel_munmap;
    zp_os_calls.mprotect = kernel_mprotect;
    zp_os_calls.madvise = kernel_madvise;
    zp_os_calls.mremap = kernel_mremap;
    zp_os_calls.mincore = kernel_mincore;
    zp_os_calls.membarrier = kernel_membarrier;
    zp_os_calls.clock = kernel_clock;
    zp_os_calls.stopwatch = kernel_stopwatch;
    zp_os_calls.sysinfo = kernel_sysinfo;
    zp_os_calls.futex = kernel_futex;
}
