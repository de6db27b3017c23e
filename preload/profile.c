// SPDX-License-Identifier: MIT OR Apache-2.0

#include "preload/profile.h"

#include "core/budget.h"
#include "core/os.h"
#include "core/syscall.h"
#include "core/timeline.h"
#include "interface/version.h"
#include "preload/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RECORDED_PER_SECOND = 10000 };

// The process that the file's name is for.
static pid_t owner;

// ---- While the program runs ------------------------------------------------------------------

// System calls by number: libc's are cancellation points, which malloc must not be.
static size_t resident(void)
{
    if (zp_os_is_restricted())
        return 0;
    int saved_errno = errno;
    char text[128];
    size_t pages = 0;
    long file = zp_syscall(SYS_openat, AT_FDCWD, "/proc/self/statm", O_RDONLY | O_CLOEXEC, 0);
    long length = file >= 0 ? zp_syscall(SYS_read, file, text, sizeof(text) - 1) : 0;
    if (file >= 0)
        zp_syscall(SYS_close, file);
    text[length > 0 ? length : 0] = '\0';
    const char *second = strchr(text, ' ');
    for (second += second != NULL; second != NULL && *second >= '0' && *second <= '9'; second++)
        pages = pages * 10 + (size_t)(*second - '0');
    errno = saved_errno;
    return pages * zp_os_page_size();
}

struct zp_profile_config zp_profile_wanted(void)
{
    if (zp_options.profile[0] == '\0')
        return (struct zp_profile_config){.on = false};
    owner = getpid();
    return (struct zp_profile_config){
        .on = true, .rate = RECORDED_PER_SECOND, .resident = resident};
}

// ---- Text ------------------------------------------------------------------------------------

struct out {
    int file;
    bool failed;
    size_t length;
    char text[8192];
};

static void flush(struct out *out)
{
    for (size_t at = 0; at < out->length && !out->failed;) {
        ssize_t written = write(out->file, out->text + at, out->length - at);
        if (written < 0 && errno != EINTR)
            out->failed = true;
        at += written > 0 ? (size_t)written : 0;
    }
    out->length = 0;
}

static __attribute__((format(printf, 2, 3))) void add(struct out *out, const char *format, ...)
{
    enum { LINE_MOST = 2048 };
    if (out->length > sizeof(out->text) - LINE_MOST)
        flush(out);
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(out->text + out->length, LINE_MOST, format, arguments);
    va_end(arguments);
    if (wanted > 0)
        out->length += wanted < LINE_MOST ? (size_t)wanted : LINE_MOST - 1;
}

static void add_number(struct out *out, const char *name, uint64_t number)
{
    add(out, "%s %llu\n", name, (unsigned long long)number);
}

static void add_program(struct out *out)
{
    struct timespec now;
    char name[256];
    snprintf(name, sizeof(name), "%s", program_invocation_short_name);
    for (char *at = name; *at != '\0'; at++)
        if ((unsigned char)*at < ' ')
            *at = '?'; // a line stays one line
    clock_gettime(CLOCK_REALTIME, &now);
    add(out, "zeropool-profile 1\nversion %s\nprogram %s\npid %d\n", ZP_VERSION, name,
        (int)getpid());
    add_number(out, "ended", (uint64_t)now.tv_sec);
    add_number(out, "rate", RECORDED_PER_SECOND);
    add_number(out, "cpus", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    add_number(out, "min_size", (uint64_t)zp_options.min_size);
    add_number(out, "budget", zp_budget_limit());
    add_number(out, "scrub", zp_pool.scrub);
    add_number(out, "zero", (uint64_t)zp_options.zero);
    add_number(out, "decay_ms", zp_options.decay_ms < 0 ? 0 : (uint64_t)zp_options.decay_ms);
    add_number(out, "read", (uint64_t)zp_options.read);
    add_number(out, "thp", (uint64_t)zp_options.thp);
}

static void add_totals(struct out *out)
{
    struct zp_profile_totals totals;
    struct zp_pool_stats stats;
    zp_profile_totals(&totals);
    zp_pool_stats(&stats);
    add_number(out, "requests", totals.requests);
    add_number(out, "sampled", totals.sampled);
    add_number(out, "lost", totals.lost);
    add_number(out, "retained_peak", stats.retained_peak_bytes);
#define ZP_FAMILY(name, type, unit, help)
#define ZP_MEASURED(field, labels, help)
#define ZP_OF_CLASS(field, labels, help)
#define ZP_COUNTED(field, labels, help) add_number(out, "counter " #field, stats.counters.field);
#include "core/stats.def"
#undef ZP_FAMILY
#undef ZP_MEASURED
#undef ZP_OF_CLASS
#undef ZP_COUNTED
}

// Where code is mapped from, as the kernel says it.
static void add_maps(struct out *out)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[1536];
    bool begins = true; // not the rest of a line that was longer
    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        char may_execute;
        size_t length = strcspn(line, "\n");
        if (begins && sscanf(line, "%*s %*2c%c", &may_execute) == 1 && may_execute == 'x')
            add(out, "map %.*s\n", (int)length, line);
        begins = line[length] == '\n';
    }
    if (maps != NULL)
        fclose(maps);
}

static void add_sites(struct out *out)
{
    static struct zp_site site;
    add(out, "fields");
#define ADD(name, help) add(out, " " #name);
    ZP_SITE_FIELDS(ADD)
#undef ADD
    add(out, "\n");
    for (unsigned i = 0; zp_profile_site(i, &site); i++) {
        if (site.sampled == 0)
            continue;
        add(out, "site");
#define ADD(name, help) add(out, " %llu", (unsigned long long)site.name);
        ZP_SITE_FIELDS(ADD)
#undef ADD
        add(out, " ;");
        for (unsigned frame = 0; frame < site.depth; frame++)
            add(out, " %llx", (unsigned long long)(uintptr_t)site.frames[frame]);
        add(out, "\n");
    }
}

static void add_timeline(struct out *out)
{
    static struct zp_point points[ZP_TIMELINE_MOST];
    unsigned count = zp_timeline_points(points);
    for (unsigned i = 0; i < count; i++)
        add(out, "time %lu %llu %llu %llu\n", (unsigned long)points[i].ms,
            (unsigned long long)points[i].live, (unsigned long long)points[i].pooled,
            (unsigned long long)points[i].resident);
    add(out, "end\n");
}

// ---- The file --------------------------------------------------------------------------------

enum { NAME_MOST = ZP_OPTION_PATH_MOST + 64 };

// With the process's number for each %p. Returns whether there is one.
static bool name_file(char name[NAME_MOST], const char *end)
{
    bool numbered = false;
    size_t length = 0;
    for (const char *from = zp_options.profile; *from != '\0' && length < NAME_MOST - 32; from++) {
        if (from[0] == '%' && from[1] == 'p') {
            length += (size_t)snprintf(name + length, 16, "%d", (int)getpid());
            numbered = true;
            from++;
        } else {
            name[length++] = *from;
        }
    }
    snprintf(name + length, NAME_MOST - length, "%s", end);
    return numbered;
}

static bool write_all(int file)
{
    static struct out out;
    out = (struct out){.file = file};
    zp_profile_look_at_live();
    if (zp_timeline_is_due())
        zp_pool_note_time();
    add_program(&out);
    add_totals(&out);
    add_maps(&out);
    add_sites(&out);
    add_timeline(&out);
    flush(&out);
    return !out.failed;
}

static bool is_replaceable(const char *name)
{
    struct stat about;
    return lstat(name, &about) != 0 || S_ISREG(about.st_mode);
}

static bool write_and_close(int file)
{
    bool written = file >= 0 && write_all(file);
    return (file < 0 || close(file) == 0) && written;
}

// The file is there whole or not at all.
static bool replace(const char *name)
{
    char part[NAME_MOST], suffix[32];
    snprintf(suffix, sizeof(suffix), ".%d.part", (int)getpid());
    name_file(part, suffix);
    int file = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (write_and_close(file) && rename(part, name) == 0)
        return true;
    if (file >= 0)
        unlink(part);
    return false;
}

void zp_profile_write(void)
{
    char name[NAME_MOST];
    if (!zp_profile_on || zp_os_is_restricted())
        return;
    struct zp_profile_totals totals = {0};
    zp_profile_totals(&totals);
    bool numbered = name_file(name, "");
    if (totals.requests == 0 || (!numbered && getpid() != owner))
        return;
    // A device, a pipe or a link is written to as it is; a pipe that nobody reads must not make the
    // program wait.
    bool written =
        is_replaceable(name)
            ? replace(name)
            : write_and_close(open(
                  name, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0600));
    if (!written)
        zp_log(ZP_LOG_WARNING, "the profile could not be written: ", name);
}
