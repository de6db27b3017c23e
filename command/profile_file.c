// SPDX-License-Identifier: MIT OR Apache-2.0

#include "profile_file.h"

#include "command/say.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LINE_MOST = 16384, POINTS_MOST = 4 * ZP_TIMELINE_MOST };

// ---- Lines -----------------------------------------------------------------------------------

// Room for one more of what `*array` has `count` of; it grows by doubling.
static void *one_more(void *array, unsigned count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    void *larger = realloc(array, (count == 0 ? 1 : 2 * (size_t)count) * size);
    if (larger == NULL)
        exit(zp_fail(ZP_FAILED, "no memory"));
    return larger;
}

// Numbers of a line, each behind a space: false if one is missing.
static bool read_numbers(const char **at, unsigned base, uint64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *end;
        if (**at != ' ' || (*at)[1] == ' ' || (*at)[1] == '-' || (*at)[1] == '\0')
            return false;
        errno = 0;
        numbers[i] = strtoull(*at + 1, &end, (int)base);
        if (end == *at + 1 || errno != 0)
            return false;
        *at = end;
    }
    return true;
}

static bool read_mapping(struct zp_profile_file *file, const char *text)
{
    struct zp_mapped mapping;
    int name = 0;
    if (sscanf(text, " %lx-%lx %*s %lx %*s %lu %n", &mapping.start, &mapping.end, &mapping.offset,
               &mapping.inode, &name) != 4 ||
        name == 0)
        return false;
    mapping.file = zp_copy_of(text[name] == '/' ? text + name : "");
    file->mappings = one_more(file->mappings, file->mapping_count, sizeof(mapping));
    file->mappings[file->mapping_count++] = mapping;
    return true;
}

static bool read_site(struct zp_profile_file *file, const char *text)
{
    struct zp_profile_site site = {.frames = zp_room(ZP_PROFILE_FRAMES, sizeof(uint64_t))};
#define READ(name, help) &site.is.name,
    uint64_t *const fields[] = {ZP_SITE_FIELDS(READ)};
#undef READ
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (!read_numbers(&text, 10, fields[i], 1))
            return false;
    if (strncmp(text, " ;", 2) != 0)
        return false;
    for (text += 2; *text != '\0' && site.is.depth < ZP_PROFILE_FRAMES; site.is.depth++)
        if (!read_numbers(&text, 16, &site.frames[site.is.depth], 1))
            return false;
    if (*text != '\0' || site.is.count == 0)
        return false;
    file->sites = one_more(file->sites, file->site_count, sizeof(site));
    file->sites[file->site_count++] = site;
    return true;
}

static bool read_point(struct zp_profile_file *file, const char *text)
{
    uint64_t numbers[4];
    if (!read_numbers(&text, 10, numbers, 4) || *text != '\0' || file->point_count == POINTS_MOST)
        return false;
    file->points = one_more(file->points, file->point_count, sizeof(struct zp_point));
    file->points[file->point_count++] = (struct zp_point){.ms = (uint32_t)numbers[0],
                                                          .live = numbers[1],
                                                          .pooled = numbers[2],
                                                          .resident = numbers[3]};
    return true;
}

// What follows `name` if the line begins with it, or NULL.
static const char *after(const char *line, const char *name)
{
    size_t length = strlen(name);
    return strncmp(line, name, length) == 0 && (line[length] == ' ' || line[length] == '\0')
               ? line + length
               : NULL;
}

// The fields are in the order of this version, or the file is of another.
static bool read_fields(const char *text)
{
    static const char expected[] = ""
#define NAME(name, help) " " #name
        ZP_SITE_FIELDS(NAME);
#undef NAME
    return strcmp(text, expected) == 0;
}

static bool read_named(struct zp_profile_file *file, const char *line)
{
    const struct {
        const char *name;
        uint64_t *number;
    } numbers[] = {
        {"pid", &file->pid},
        {"ended", &file->ended},
        {"rate", &file->rate},
        {"cpus", &file->cpus},
        {"min_size", &file->min_size},
        {"budget", &file->budget},
        {"scrub", &file->scrub},
        {"zero", &file->zero},
        {"decay_ms", &file->decay_ms},
        {"read", &file->read},
        {"thp", &file->thp},
        {"requests", &file->requests},
        {"sampled", &file->sampled},
        {"lost", &file->lost},
        {"retained_peak", &file->retained_peak},
        {"counter evicted", &file->evicted},
        {"counter decayed", &file->decayed},
        {"counter unretained", &file->unretained},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const char *text = after(line, numbers[i].name);
        if (text != NULL)
            return read_numbers(&text, 10, numbers[i].number, 1) && *text == '\0';
    }
    return after(line, "counter") != NULL; // one that nothing is made from
}

static bool read_line(struct zp_profile_file *file, const char *line)
{
    const char *text;
    if ((text = after(line, "site")) != NULL)
        return read_site(file, text);
    if ((text = after(line, "time")) != NULL)
        return read_point(file, text);
    if ((text = after(line, "map")) != NULL)
        return read_mapping(file, text);
    if ((text = after(line, "fields")) != NULL)
        return read_fields(text);
    if ((text = after(line, "program")) != NULL || (text = after(line, "version")) != NULL)
        return *text == ' ' &&
               (*(line[0] == 'p' ? &file->program : &file->version) = zp_copy_of(text + 1)) != NULL;
    return read_named(file, line);
}

// ---- All of it -------------------------------------------------------------------------------

static int compare_sites(const void *a, const void *b)
{
    uint64_t first = ((const struct zp_profile_site *)a)->is.bytes;
    uint64_t second = ((const struct zp_profile_site *)b)->is.bytes;
    return (first < second) - (first > second);
}

static int read_lines(FILE *stream, const char *path, struct zp_profile_file *file)
{
    static char line[LINE_MOST];
    unsigned number = 0;
    bool ended = false;
    while (fgets(line, sizeof(line), stream) != NULL) {
        size_t length = strcspn(line, "\n");
        bool whole = line[length] == '\n';
        line[length] = '\0';
        if (++number == 1 && strcmp(line, "zeropool-profile 1") != 0)
            return zp_wrong("%s is no profile of this version of zeropool", path);
        if (number == 1)
            continue;
        bool last = strcmp(line, "end") == 0;
        if (!whole || ended || (!last && !read_line(file, line)))
            return zp_wrong("%s: line %u is damaged", path, number);
        ended = last;
    }
    if (number == 0)
        return zp_wrong("%s is no profile", path);
    return ended ? ZP_DONE : zp_wrong("%s is cut off", path);
}

int zp_profile_read(const char *path, struct zp_profile_file *file)
{
    struct stat about;
    *file = (struct zp_profile_file){.program = "", .version = ""};
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        return zp_wrong("%s is no profile", path);
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return zp_wrong("%s: %s", path, strerror(errno));
    int status = read_lines(stream, path, file);
    fclose(stream);
    if (status == ZP_DONE && file->site_count != 0)
        qsort(file->sites, file->site_count, sizeof(*file->sites), compare_sites);
    return status;
}

const struct zp_mapped *zp_profile_mapping(const struct zp_profile_file *file, uint64_t address)
{
    for (unsigned i = 0; i < file->mapping_count; i++)
        if (address >= file->mappings[i].start && address < file->mappings[i].end)
            return &file->mappings[i];
    return NULL;
}
