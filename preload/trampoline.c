// SPDX-License-Identifier: MIT OR Apache-2.0

#include "preload/trampoline.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)

#include <dlfcn.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#define STRING_OF(name) #name
#define STRING(name) STRING_OF(name)

static struct {
    int (*getcontext)(unw_context_t *context);
    int (*init)(unw_cursor_t *cursor, unw_context_t *context);
    int (*step)(unw_cursor_t *cursor);
    int (*get)(unw_cursor_t *cursor, unw_regnum_t number, unw_word_t *value);
} unwind;

// Only where CPython is, code is looked at: what other programs execute may not be readable.
void zp_trampoline_init(void *libunwind)
{
    if (dlsym(RTLD_DEFAULT, "PyUnstable_WritePerfMapEntry") == NULL)
        return;
    // Functions are stored through a pointer to an object: ISO C has no other way.
    *(void **)&unwind.getcontext = dlsym(libunwind, STRING(UNW_ARCH_OBJ(getcontext)));
    *(void **)&unwind.init = dlsym(libunwind, STRING(unw_init_local));
    *(void **)&unwind.step = dlsym(libunwind, STRING(unw_step));
    *(void **)&unwind.get = dlsym(libunwind, STRING(unw_get_reg));
}

// ---- The two ends of a trampoline ------------------------------------------------------------

static const unsigned char adds[] = {0x48, 0x83, 0xC4, 0x08, 0xC3}; // add $8, %rsp; ret
static const unsigned char pops[] = {0x5D, 0xC3};                   // pop %rbp; ret

static bool ends_with(const void *frame, const unsigned char *code, size_t bytes)
{
    return memcmp(frame, code, bytes) == 0;
}

// Compiled functions may end in the same way. For them it is as right.
static bool is_trampoline(const void *frame)
{
    return ends_with(frame, adds, sizeof(adds)) || ends_with(frame, pops, sizeof(pops));
}

bool zp_trampoline_is_in(void *const *frames, unsigned count)
{
    bool known = unwind.getcontext != NULL && unwind.init != NULL && unwind.step != NULL &&
                 unwind.get != NULL;
    while (known && count > 0)
        if (is_trampoline(frames[--count]))
            return true;
    return false;
}

// ---- Step by step ----------------------------------------------------------------------------

static unw_word_t get(unw_cursor_t *cursor, int number)
{
    unw_word_t value = 0;
    unwind.get(cursor, number, &value);
    return value;
}

// Makes `context` that of the trampoline's caller: what the instructions at `at` will do.
static void leave_trampoline(unw_cursor_t *cursor, unw_context_t *context, unw_word_t at)
{
    static const struct {
        int unwinds, context;
    } kept[] = {{UNW_X86_64_RBX, REG_RBX}, {UNW_X86_64_RBP, REG_RBP}, {UNW_X86_64_R12, REG_R12},
                {UNW_X86_64_R13, REG_R13}, {UNW_X86_64_R14, REG_R14}, {UNW_X86_64_R15, REG_R15}};
    greg_t *registers = context->uc_mcontext.gregs;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        registers[kept[i].context] = (greg_t)get(cursor, kept[i].unwinds);
    const unw_word_t *stack = (const unw_word_t *)get(cursor, UNW_X86_64_RSP); // NOLINT
    if (ends_with((const void *)at, pops, sizeof(pops)))                       // NOLINT
        registers[REG_RBP] = (greg_t)stack[0];
    registers[REG_RIP] = (greg_t)stack[1];
    registers[REG_RSP] = (greg_t)(stack + 2);
}

__attribute__((noinline)) unsigned zp_trampoline_walk(void **frames, unsigned most)
{
    unw_context_t context;
    unw_cursor_t cursor;
    unsigned count = 0;
    unwind.getcontext(&context);
    if (unwind.init(&cursor, &context) != 0)
        return 0;
    while (count < most) {
        unw_word_t at = get(&cursor, UNW_REG_IP);
        if (at == 0)
            break;
        frames[count++] = (void *)at;          // NOLINT(performance-no-int-to-ptr)
        if (is_trampoline((const void *)at)) { // NOLINT(performance-no-int-to-ptr)
            leave_trampoline(&cursor, &context, at);
            if (unwind.init(&cursor, &context) != 0)
                break;
        } else if (unwind.step(&cursor) <= 0) {
            break;
        }
    }
    return count;
}

#else

void zp_trampoline_init(void *libunwind)
{
    (void)libunwind;
}

bool zp_trampoline_is_in(void *const *frames, unsigned count)
{
    (void)frames;
    (void)count;
    return false;
}

unsigned zp_trampoline_walk(void **frames, unsigned most)
{
    (void)frames;
    (void)most;
    return 0;
}

#endif
