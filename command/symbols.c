// SPDX-License-Identifier: MIT OR Apache-2.0

#include "symbols.h"

#include "command/elf_symbols.h"
#include "command/filter.h"
#include "command/say.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

// ---- The addresses ---------------------------------------------------------------------------

static int compare(const void *a, const void *b)
{
    uint64_t first = ((const struct zp_symbol *)a)->address;
    uint64_t second = ((const struct zp_symbol *)b)->address;
    return (first > second) - (first < second);
}

static void collect(const struct zp_profile_file *file, struct zp_symbols *symbols)
{
    size_t frames = 0;
    for (unsigned i = 0; i < file->site_count; i++)
        frames += file->sites[i].is.depth;
    struct zp_symbol *all = zp_room(frames + 1, sizeof(*all));
    frames = 0;
    for (unsigned i = 0; i < file->site_count; i++)
        for (unsigned frame = 0; frame < file->sites[i].is.depth; frame++)
            all[frames++].address = file->sites[i].frames[frame];
    qsort(all, frames, sizeof(*all), compare);
    for (size_t i = 0; i < frames; i++)
        if (i == 0 || all[i].address != all[i - 1].address)
            all[symbols->count++].address = all[i].address;
    symbols->all = all;
}

const struct zp_symbol *zp_symbol_of(const struct zp_symbols *symbols, uint64_t address)
{
    struct zp_symbol key = {.address = address};
    return bsearch(&key, symbols->all, symbols->count, sizeof(key), compare);
}

// ---- Python ----------------------------------------------------------------------------------

// "py::function:file" of Python's map; others write plain names.
static void name_by_map(struct zp_symbol *symbol, char *name)
{
    symbol->python = strncmp(name, "py::", 4) == 0;
    if (symbol->python) {
        name += 4;
        char *file = strchr(name, ':');
        if (file != NULL) {
            *file = '\0';
            symbol->source = zp_copy_of(file + 1);
        }
    }
    symbol->function = zp_copy_of(name);
}

// A file in /tmp may be anybody's.
static FILE *open_map(const struct zp_profile_file *file)
{
    char path[64];
    struct stat about;
    snprintf(path, sizeof(path), "/tmp/perf-%llu.map", (unsigned long long)file->pid);
    if (lstat(path, &about) != 0 || !S_ISREG(about.st_mode) ||
        (about.st_uid != getuid() && about.st_uid != 0))
        return NULL;
    return fopen(path, "re");
}

static void read_map(const struct zp_profile_file *file, struct zp_symbols *symbols)
{
    char line[4096];
    FILE *map = open_map(file);
    while (map != NULL && fgets(line, sizeof(line), map) != NULL) {
        unsigned long start, size;
        int name = 0;
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%lx %lx %n", &start, &size, &name) != 2 || name == 0)
            continue;
        for (unsigned i = 0; i < symbols->count; i++) {
            struct zp_symbol *symbol = &symbols->all[i];
            if (symbol->function == NULL && symbol->module == NULL && symbol->address > start &&
                symbol->address - start <= size)
                name_by_map(symbol, line + name);
        }
    }
    if (map != NULL)
        fclose(map);
}

static void look_for_python(struct zp_symbols *symbols)
{
    for (unsigned i = 0; i < symbols->count; i++) {
        const struct zp_symbol *symbol = &symbols->all[i];
        symbols->python_named |= symbol->python;
        symbols->python_seen |= symbol->python ||
                                strcmp(symbol->function, "_PyEval_EvalFrameDefault") == 0 ||
                                strncmp(last_part(symbol->module), "python", 6) == 0 ||
                                strncmp(last_part(symbol->module), "libpython", 9) == 0;
    }
}

// ---- Machine code ----------------------------------------------------------------------------

// The symbols of one file: their places in the list, and their addresses in the file.
struct batch {
    struct zp_symbol **symbols;
    uint64_t *addresses;
    unsigned count;
};

static bool fill_batch(const struct zp_profile_file *file, struct zp_symbols *symbols,
                       const char *module, const struct zp_elf_symbols *elf, struct batch *batch)
{
    batch->count = 0;
    for (unsigned i = 0; i < symbols->count; i++) {
        struct zp_symbol *symbol = &symbols->all[i];
        if (symbol->module == NULL || strcmp(symbol->module, module) != 0)
            continue;
        // The call is before the return address, which may be the start of the next function.
        const struct zp_mapped *mapping = zp_profile_mapping(file, symbol->address - 1);
        uint64_t offset = symbol->address - 1 - mapping->start + mapping->offset;
        if (mapping->inode != elf->file.inode)
            symbols->changed = module;
        else if (zp_elf_symbols_address(elf, offset, &batch->addresses[batch->count]))
            batch->symbols[batch->count++] = symbol;
    }
    return batch->count != 0;
}

// Two lines for each address: the function, and FILE:LINE.
static void add_lines(const char *module, const struct batch *batch, struct zp_symbols *symbols)
{
    char *const words[] = {"addr2line", "-f", "-C", "-e", (char *)(uintptr_t)module, NULL};
    char function[4096], place[4096];
    FILE *ask = tmpfile();
    for (unsigned i = 0; ask != NULL && i < batch->count; i++)
        fprintf(ask, "0x%llx\n", (unsigned long long)batch->addresses[i]);
    FILE *answer = ask != NULL ? zp_filter(words, ask) : NULL;
    if (answer == NULL) {
        symbols->lines_wanted = true;
        return;
    }
    for (unsigned i = 0; i < batch->count && fgets(function, sizeof(function), answer) != NULL &&
                         fgets(place, sizeof(place), answer) != NULL;
         i++) {
        struct zp_symbol *symbol = batch->symbols[i];
        function[strcspn(function, "\n")] = '\0';
        char *colon = strrchr(place, ':');
        if (function[0] != '?')
            symbol->function = zp_copy_of(function);
        if (colon == NULL || place[0] == '?')
            continue;
        *colon = '\0';
        symbol->source = zp_copy_of(place);
        symbol->line = (unsigned)strtoul(colon + 1, NULL, 10);
    }
    fclose(answer);
}

// C++ names as they are in the source, if c++filt is installed.
static void demangle(const struct zp_symbols *symbols)
{
    char *const words[] = {"c++filt", NULL};
    char name[4096];
    FILE *ask = tmpfile();
    for (unsigned i = 0; ask != NULL && i < symbols->count; i++)
        fprintf(ask, "%s\n", symbols->all[i].function);
    FILE *answer = ask != NULL ? zp_filter(words, ask) : NULL;
    for (unsigned i = 0; answer != NULL && i < symbols->count; i++) {
        if (fgets(name, sizeof(name), answer) == NULL)
            break;
        name[strcspn(name, "\n")] = '\0';
        if (strncmp(symbols->all[i].function, "_Z", 2) == 0)
            symbols->all[i].function = zp_copy_of(name);
    }
    if (answer != NULL)
        fclose(answer);
}

static void name_file(const struct zp_profile_file *file, struct zp_symbols *symbols,
                      const char *module, struct batch *batch)
{
    struct zp_elf_symbols elf;
    if (!zp_elf_symbols_open(module, &elf))
        return;
    if (fill_batch(file, symbols, module, &elf, batch)) {
        for (unsigned i = 0; i < batch->count; i++) {
            const char *name = zp_elf_symbols_name(&elf, batch->addresses[i]);
            if (name != NULL)
                batch->symbols[i]->function = zp_copy_of(name);
        }
        if (elf.has_lines)
            add_lines(module, batch, symbols);
    }
    zp_elf_symbols_close(&elf);
}

// Where nothing better is known.
static void name_by_address(const struct zp_profile_file *file, struct zp_symbol *symbol)
{
    const struct zp_mapped *mapping = zp_profile_mapping(file, symbol->address - 1);
    char name[64];
    if (symbol->function == NULL && mapping != NULL) {
        snprintf(name, sizeof(name), "%.40s+0x%" PRIx64, last_part(mapping->file),
                 symbol->address - mapping->start + mapping->offset);
        symbol->function = zp_copy_of(name);
    } else if (symbol->function == NULL) {
        snprintf(name, sizeof(name), "0x%llx", (unsigned long long)symbol->address);
        symbol->function = zp_copy_of(name);
    }
    if (symbol->source == NULL)
        symbol->source = "";
    if (symbol->module == NULL)
        symbol->module = "";
}

void zp_symbols_find(const struct zp_profile_file *file, struct zp_symbols *symbols)
{
    *symbols = (struct zp_symbols){.count = 0};
    collect(file, symbols);
    for (unsigned i = 0; i < symbols->count; i++) {
        const struct zp_mapped *mapping = zp_profile_mapping(file, symbols->all[i].address - 1);
        symbols->all[i].module = mapping != NULL && *mapping->file != '\0' ? mapping->file : NULL;
    }
    struct batch batch = {.symbols = zp_room(symbols->count + 1, sizeof(void *)),
                          .addresses = zp_room(symbols->count + 1, sizeof(uint64_t))};
    for (unsigned i = 0; i < file->mapping_count; i++) {
        const char *module = file->mappings[i].file;
        bool seen = *module == '\0';
        for (unsigned before = 0; before < i && !seen; before++)
            seen = strcmp(module, file->mappings[before].file) == 0;
        if (!seen)
            name_file(file, symbols, module, &batch);
    }
    read_map(file, symbols);
    for (unsigned i = 0; i < symbols->count; i++)
        name_by_address(file, &symbols->all[i]);
    demangle(symbols);
    look_for_python(symbols);
}
