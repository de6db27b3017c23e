// SPDX-License-Identifier: MIT OR Apache-2.0

#include "redirect.h"

#include "core/base.h"
#include "core/os.h"
#include "preload/jemalloc_stats.h"
#include "preload/passed.h"

#include <dlfcn.h>
#include <gnu/lib-names.h>
#include <link.h>
#include <pthread.h>
#include <string.h>

// The exported names of malloc's family, whether this libc has them or not, followed by the calls
// that are watched (marks.h, sandbox.c, atfork.c).
// clang-format off
static const char *const names[] = {
    "malloc", "free", "calloc", "realloc", "reallocarray", "posix_memalign", "aligned_alloc",
    "memalign", "valloc", "pvalloc", "malloc_usable_size", "cfree", "free_sized",
    "free_aligned_sized", "__libc_malloc", "__libc_free", "__libc_calloc", "__libc_realloc",
    "__libc_reallocarray", "__libc_memalign", "__libc_valloc", "__libc_pvalloc", "__posix_memalign",
    "malloc_trim", "mallopt", "mallinfo", "mallinfo2", "malloc_stats", "malloc_info", "__libc_mallopt",
    "__libc_mallinfo",
    "mmap", "mmap64", "munmap", "mremap", "madvise", "mprotect", "pkey_mprotect", "mlock", "mlock2",
    "process_madvise", "mseal", "shmat", "shmdt", "ioctl", "syscall", "prctl", "__register_atfork",
};
// clang-format on

enum { NAMES = sizeof(names) / sizeof(names[0]), WATCHED = 17, FAMILY = NAMES - WATCHED };

// ---- The table -------------------------------------------------------------------------------

struct table {
    ElfW(Addr) base;
    ElfW(Sym) * symbols;
    const char *names;
    size_t count;
};

// The number of symbols follows from DT_GNU_HASH: the last one of the last chain ends the table.
static size_t count_symbols(const uint32_t *hash)
{
    uint32_t buckets = hash[0], first = hash[1], words = hash[2];
    const uint32_t *bucket = hash + 4 + words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t *chain = bucket + buckets;
    uint32_t last = 0;
    for (uint32_t i = 0; i < buckets; i++)
        if (bucket[i] > last)
            last = bucket[i];
    if (last < first)
        return 0;
    while ((chain[last - first] & 1) == 0)
        last++;
    return (size_t)last + 1;
}

static bool read_table(const struct link_map *map, struct table *table)
{
    const uint32_t *hash = NULL;
    *table = (struct table){.base = map->l_addr};
    // The addresses are absolute: the dynamic linker has added the base.
    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        void *at = (void *)entry->d_un.d_ptr; // NOLINT(performance-no-int-to-ptr)
        if (entry->d_tag == DT_SYMTAB)
            table->symbols = at;
        else if (entry->d_tag == DT_STRTAB)
            table->names = at;
        else if (entry->d_tag == DT_GNU_HASH)
            hash = at;
    }
    if (hash == NULL || table->symbols == NULL || table->names == NULL ||
        (ElfW(Addr))hash < map->l_addr)
        return false;
    table->count = count_symbols(hash);
    return table->count != 0;
}

// ---- Its protection --------------------------------------------------------------------------

struct segment {
    ElfW(Addr) address;
    bool is_read_only;
};

static int find_segment(struct dl_phdr_info *file, size_t size, void *argument)
{
    struct segment *wanted = argument;
    (void)size;
    for (int i = 0; i < file->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &file->dlpi_phdr[i];
        ElfW(Addr) start = file->dlpi_addr + header->p_vaddr;
        if (header->p_type != PT_LOAD || wanted->address - start >= header->p_memsz)
            continue;
        wanted->is_read_only = header->p_flags == PF_R;
        return 1;
    }
    return 0;
}

// A segment that also holds code is not changed, as another thread may be running in it.
static bool is_read_only(const void *address)
{
    struct segment segment = {.address = (ElfW(Addr))address};
    dl_iterate_phdr(find_segment, &segment);
    return segment.is_read_only;
}

// ---- The change ------------------------------------------------------------------------------

static void redirect(const struct table *table, void *const own[NAMES], unsigned count)
{
    for (size_t i = 0; i < table->count; i++) {
        ElfW(Sym) *symbol = &table->symbols[i];
        if (symbol->st_shndx == SHN_UNDEF)
            continue;
        const char *name = table->names + symbol->st_name;
        for (unsigned j = 0; j < count; j++)
            if (strcmp(name, names[j]) == 0)
                __atomic_store_n(&symbol->st_value, (ElfW(Addr))own[j] - table->base,
                                 __ATOMIC_RELEASE);
    }
}

// This library's functions, even if another library interposes them: a handle's own file is
// searched first.
static bool find_own(void *own[NAMES])
{
    Dl_info info;
    void *handle;
    if (dladdr(names, &info) == 0 ||
        (handle = zp_passed_dlopen()(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD)) == NULL)
        return false;
    bool all = true;
    for (unsigned i = 0; i < NAMES; i++)
        all &= (own[i] = dlsym(handle, names[i])) != NULL;
    dlclose(handle);
    return all;
}

static bool redirect_libc(void)
{
    struct table table;
    void *own[NAMES];
    struct link_map *map = zp_passed_dlopen()(LIBC_SO, RTLD_LAZY | RTLD_NOLOAD);
    if (map == NULL || !read_table(map, &table) || !is_read_only(table.symbols) || !find_own(own))
        return false;
    size_t page = zp_os_page_size();
    uintptr_t from = (uintptr_t)table.symbols & ~(page - 1);
    size_t length = zp_round_up((uintptr_t)(table.symbols + table.count) - from, page);
    void *start = (void *)from; // NOLINT(performance-no-int-to-ptr)
    if (zp_os_protect(start, length, PROT_READ | PROT_WRITE) != 0)
        return false;
    // Another library behind this one may look up libc's watched functions later. It has to find
    // libc's, else the two libraries would call each other without end.
    redirect(&table, own, zp_passed_is(map) ? NAMES : FAMILY);
    zp_os_protect(start, length, PROT_READ);
    return true;
}

static bool is_redirected;

static void try_once(void)
{
    is_redirected = !zp_serves_program() || redirect_libc();
}

bool zp_redirect_libc(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, try_once);
    return is_redirected;
}
