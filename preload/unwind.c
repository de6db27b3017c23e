// SPDX-License-Identifier: MIT OR Apache-2.0

#include "unwind.h"

#include "core/log.h"
#include "core/stack.h"
#include "preload/passed.h"
#include "preload/trampoline.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#define STRING_OF(name) #name
#define STRING(name) STRING_OF(name)

static struct {
    bool tried;
    int (*backtrace)(void **frames, int most);
    unw_accessors_t *(*accessors)(unw_addr_space_t space);
    unw_addr_space_t *space;
} libunwind;

static bool load(void)
{
    if (!libunwind.tried) {
        libunwind.tried = true;
        void *library = zp_passed_dlopen()("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            zp_log(ZP_LOG_WARNING, "no call stacks: libunwind.so.8 is not there", NULL);
            return false;
        }
        // Functions are stored through a pointer to an object: ISO C has no other way.
        *(void **)&libunwind.accessors = dlsym(library, STRING(unw_get_accessors));
        libunwind.space = dlsym(library, STRING(unw_local_addr_space));
        *(void **)&libunwind.backtrace = dlsym(library, "unw_backtrace");
        zp_trampoline_init(library);
    }
    return libunwind.backtrace != NULL;
}

// This library's code. A return address may lie just behind the last instruction.
static ZP_FROZEN struct {
    uintptr_t start, end;
} own = {0};

static void find_own(void)
{
    static const char ours = 0;
    Dl_info info;
    if (dladdr(&ours, &info) == 0)
        return;
    const char *file = info.dli_fbase;
    const ElfW(Ehdr) *header = (const void *)file;
    const ElfW(Phdr) *segments = (const void *)(file + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD && (segments[i].p_flags & PF_X) != 0) {
            own.start = (uintptr_t)file + segments[i].p_vaddr;
            own.end = own.start + segments[i].p_memsz;
        }
}

static bool is_own(void *frame)
{
    return (uintptr_t)frame > own.start && (uintptr_t)frame <= own.end;
}

static unsigned capture(void **frames, unsigned most)
{
    if (!load())
        return 0;
    int saved_errno = errno;
    int count = libunwind.backtrace(frames, (int)most);
    if (count > 0 && zp_trampoline_is_in(frames, (unsigned)count))
        count = (int)zp_trampoline_walk(frames, most);
    errno = saved_errno;
    return count > 0 ? (unsigned)count : 0;
}

static void add_function(struct zp_line *line, void *frame)
{
    char name[256];
    unw_word_t offset;
    if (libunwind.accessors == NULL || libunwind.space == NULL)
        return;
    const unw_accessors_t *accessors = libunwind.accessors(*libunwind.space);
    // A return address may be the start of the next function; the call before it is not.
    unw_word_t call = (unw_word_t)frame - 1;
    if (accessors->get_proc_name(*libunwind.space, call, name, sizeof(name), &offset, NULL) != 0)
        return;
    zp_line_text(line, " ");
    zp_line_text(line, name);
    zp_line_text(line, "+");
    zp_line_pointer(line, (void *)(offset + 1)); // NOLINT(performance-no-int-to-ptr)
}

static void describe(struct zp_line *line, void *frame)
{
    Dl_info info;
    if (load())
        add_function(line, frame);
    if (dladdr(frame, &info) == 0)
        return;
    zp_line_text(line, " (");
    zp_line_text(line, info.dli_fname);
    zp_line_text(line, "+");
    zp_line_pointer(line, (void *)((char *)frame - (char *)info.dli_fbase));
    zp_line_text(line, ")");
}

static const struct zp_unwinder unwinder = {
    .capture = capture, .is_own = is_own, .describe = describe};

void zp_unwind_init(bool record, bool soon)
{
    bool loaded = soon && load();
    find_own();
    zp_stack_init(&unwinder, record && loaded);
}
