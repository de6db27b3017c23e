// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Up to the section "After libc has started" nothing of libc is called: sanitizers interpose libc's
// functions, and these must not run before the sanitizer has been initialised.

#include "aside.h"

#include "core/base.h"
#include "core/syscall.h"
#include "preload/preloads.h"

#include <string.h>
#include <unistd.h>

// ---- Sanitizers in this process --------------------------------------------------------------

// Each sanitizer's runtime defines one of these, as a library or linked into the executable.
__attribute__((weak)) void __asan_init(void);
__attribute__((weak)) void __hwasan_init(void);
__attribute__((weak)) void __lsan_init(void);
__attribute__((weak)) void __msan_init(void);
__attribute__((weak)) void __tsan_init(void);

static const struct {
    void (*runtime)(void);
    const char *name;
} sanitizers[] = {
    {__asan_init, "AddressSanitizer"}, {__hwasan_init, "HWAddressSanitizer"},
    {__lsan_init, "LeakSanitizer"},    {__msan_init, "MemorySanitizer"},
    {__tsan_init, "ThreadSanitizer"},
};

static const char *sanitizer(void)
{
    for (size_t i = 0; i < sizeof(sanitizers) / sizeof(sanitizers[0]); i++)
        if (sanitizers[i].runtime != NULL)
            return sanitizers[i].name;
    return NULL;
}

// ---- Strings ---------------------------------------------------------------------------------

typedef zp_text text;

static bool is_same(text word, text other)
{
    return zp_starts_with(word, other) && zp_length_of(word) == zp_length_of(other);
}

// ---- Restarting the program ------------------------------------------------------------------

extern void *__libc_stack_end; // of the dynamic linker: the address of the arguments

// Removes this library from LD_PRELOAD, and LD_PRELOAD itself if nothing else is in it. Returns
// whether the library was there.
static bool leave_preload(char **environment)
{
    static const char variable[] = "LD_PRELOAD=";
    bool found = false;
    char **to = environment;
    for (; *environment != NULL; environment++) {
        bool keep = true;
        if (zp_starts_with(*environment, variable)) {
            char *list = *environment + sizeof(variable) - 1;
            bool here = zp_preloads_leave(list);
            found |= here;
            keep = !here || *list != '\0';
        }
        if (keep)
            *to++ = *environment;
    }
    *to = NULL;
    return found;
}

static void write_out(const char *words)
{
    long written = zp_kernel_call(SYS_write, STDERR_FILENO, words, zp_length_of(words));
    (void)written; // nothing can be done about a closed or full stderr
}

static bool said;

void zp_aside_say(const char *tool)
{
    char line[128], *end = line;
    text parts[] = {"zeropool: the program runs under ", tool, "; the library steps aside\n"};
    if (said)
        return;
    said = true;
    for (int i = 0; i < 3; i++)
        for (text from = parts[i]; *from != '\0'; from++)
            *(volatile char *)end++ = *from;
    *end = '\0';
    write_out(line);
}

// Whether ZEROPOOL_ENABLE=0 asks for no pool anyway.
static bool is_off(char **environment)
{
    for (; *environment != NULL; environment++)
        if (is_same(*environment, "ZEROPOOL_ENABLE=0"))
            return true;
    return false;
}

static void start_anew(const char *tool)
{
    long *stack = zp_start_of_stack(__libc_stack_end);
    if (stack == NULL)
        return;
    char **arguments = (char **)(stack + 1), **environment = arguments + *stack + 1;
    const char *file = zp_executable(environment);
    // Without AT_BASE the dynamic linker was run as the program, and would be restarted instead.
    if (zp_from_kernel(environment, AT_BASE) == 0 || !leave_preload(environment))
        return;
    if (!is_off(environment))
        zp_aside_say(tool);
    zp_kernel_call(SYS_execve, file, arguments, environment);
}

// ---- When it runs ----------------------------------------------------------------------------

// The dynamic linker calls the resolver of the ifunc `moment` after it has relocated the rest of
// this library, and before any code of the program runs. If libc has started (environ is set), this
// is a dlopen, and it is too late.
__attribute__((used)) static void (*look_around(void))(void)
{
    const char *tool = sanitizer();
    if (tool != NULL && environ == NULL)
        start_anew(tool);
    return NULL;
}

static void moment(void) __attribute__((ifunc("look_around")));
__attribute__((used)) static void (*const ask)(void) = moment;

// ---- After libc has started ------------------------------------------------------------------

// valgrind preloads a core library and one for the tool. Those of the tools replace malloc.
static bool is_under_valgrind(char **environment)
{
    static const char tool[] = "/vgpreload_", core[] = "core";
    for (; *environment != NULL; environment++) {
        if (!zp_starts_with(*environment, "LD_PRELOAD="))
            continue;
        for (const char *at = *environment; (at = strstr(at, tool)) != NULL;)
            if (!zp_starts_with(at += sizeof(tool) - 1, core))
                return true;
    }
    return false;
}

const char *zp_aside_for(char **environment)
{
    const char *tool = sanitizer();
    return tool != NULL ? tool : is_under_valgrind(environment) ? "valgrind" : NULL;
}
