// SPDX-License-Identifier: MIT OR Apache-2.0

#include "advice.h"

#include "config/options.h"

#include <stdio.h>
#include <string.h>

// What does not come to this much is not worth a setting.
#define WORTH ((uint64_t)64 << 20)
#define MUCH ((uint64_t)1 << 30)

enum { READ_SHARED_FROM = 2 << 20 }; // docs/design.md

// ---- What is known ---------------------------------------------------------------------------

static bool is_part(uint64_t part, uint64_t whole, unsigned percent)
{
    return whole != 0 && (double)part * 100 >= (double)whole * percent;
}

static uint64_t average(const struct zp_site *site)
{
    return site->bytes / site->count;
}

// Requests that found nothing in the pool.
static bool misses(const struct zp_site *site)
{
    return is_part(site->fresh, site->count, 25) && site->fresh * average(site) >= WORTH;
}

static bool writes_most(const struct zp_site *site)
{
    return is_part(site->written, site->looked_bytes, 50);
}

static uint64_t most_live(const struct zp_profile_file *file)
{
    uint64_t most = 0;
    for (unsigned i = 0; i < file->point_count; i++)
        if (file->points[i].live > most)
            most = file->points[i].live;
    return most;
}

// ---- The rules, the surest first -------------------------------------------------------------

static bool advise_read(const struct zp_profile_file *file, const struct zp_site *site,
                        struct zp_advice *advice)
{
    if (file->read != ZP_READ_OFF || file->cpus < 2 || site->read_bytes < WORTH ||
        !is_part(site->read_bytes, site->freed * average(site), 50) ||
        average(site) < READ_SHARED_FROM)
        return false;
    snprintf(advice->setting, sizeof(advice->setting), "ZEROPOOL_READ=parallel");
    snprintf(advice->why, sizeof(advice->why),
             "It is filled from files: several threads read faster than one.");
    return true;
}

// All of what the program had at once can be retained.
static bool advise_budget(const struct zp_profile_file *file, const struct zp_site *site,
                          struct zp_advice *advice)
{
    uint64_t mib = most_live(file) >> 20, wanted = (mib / 256 + 1) * 256;
    if (!misses(site) || file->evicted + file->unretained == 0 || wanted <= file->budget >> 20)
        return false;
    snprintf(advice->setting, sizeof(advice->setting), "ZEROPOOL_MAX_MEMORY=%lluM",
             (unsigned long long)wanted);
    snprintf(
        advice->why, sizeof(advice->why),
        "There was no room to retain buffers, which were fetched again: %llu of %llu requests.",
        (unsigned long long)site->fresh, (unsigned long long)site->count);
    return true;
}

static bool advise_decay(const struct zp_profile_file *file, const struct zp_site *site,
                         struct zp_advice *advice)
{
    if (!misses(site) || site->fresh <= site->peak || !is_part(file->decayed, site->fresh, 25) ||
        file->decay_ms == 0)
        return false;
    snprintf(advice->setting, sizeof(advice->setting), "ZEROPOOL_DECAY_MS=%llu",
             (unsigned long long)file->decay_ms * 6);
    snprintf(advice->why, sizeof(advice->why),
             "Buffers were idle for longer than %llu ms, let go, and fetched again.",
             (unsigned long long)file->decay_ms);
    return true;
}

// First uses that a helper can prepare while the program starts.
static bool advise_prewarm(const struct zp_profile_file *file, const struct zp_site *site,
                           struct zp_advice *advice)
{
    (void)file;
    if (!misses(site) || site->fresh > site->peak || !writes_most(site))
        return false;
    snprintf(advice->setting, sizeof(advice->setting), "ZEROPOOL_PREWARM=learn");
    snprintf(advice->why, sizeof(advice->why),
             "First use: %llu of %llu requests took fresh memory, and wrote to most of it.",
             (unsigned long long)site->fresh, (unsigned long long)site->count);
    return true;
}

static bool advise_huge(const struct zp_profile_file *file, const struct zp_site *site,
                        struct zp_advice *advice)
{
    bool off = file->thp == ZP_THP_OFF && misses(site) && writes_most(site) &&
               average(site) >= READ_SHARED_FROM;
    bool on = file->thp == ZP_THP_ON && site->looked_bytes >= WORTH &&
              !is_part(site->written, site->looked_bytes, 12);
    if (!off && !on)
        return false;
    snprintf(advice->setting, sizeof(advice->setting), "ZEROPOOL_THP=auto");
    snprintf(advice->why, sizeof(advice->why), "%s",
             on ? "It writes little of its buffers: a huge page brings 2 MiB for each touch."
                : "It fills fresh memory: huge pages take a 512th of the page faults.");
    return true;
}

static bool advise_background(const struct zp_profile_file *file, const struct zp_site *site,
                              struct zp_advice *advice)
{
    if (file->zero != ZP_ZERO_FREE || file->cpus < 4 || site->written < MUCH)
        return false;
    snprintf(advice->setting, sizeof(advice->setting), "ZEROPOOL_ZERO=background");
    snprintf(advice->why, sizeof(advice->why),
             "free makes %.1f GiB zero for it: a helper can, where a CPU is to spare.",
             (double)site->written / (double)MUCH);
    return true;
}

static bool advise_less(const struct zp_profile_file *file, const struct zp_site *site,
                        struct zp_advice *advice)
{
    (void)file;
    if (site->looked_bytes < WORTH || is_part(site->written, site->looked_bytes, 12))
        return false;
    snprintf(advice->why, sizeof(advice->why),
             "It writes %.0f %% of what it requests: no setting helps, a smaller request may.",
             100 * (double)site->written / (double)site->looked_bytes);
    return true;
}

struct zp_advice zp_advice_for(const struct zp_profile_file *file,
                               const struct zp_profile_site *site)
{
    static bool (*const rules[])(const struct zp_profile_file *file, const struct zp_site *site,
                                 struct zp_advice *advice) = {
        advise_read, advise_budget,     advise_decay, advise_prewarm,
        advise_huge, advise_background, advise_less,
    };
    struct zp_advice advice = {.setting = ""};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i](file, &site->is, &advice))
            break;
    return advice;
}

// ---- Together --------------------------------------------------------------------------------

// Adds a setting, unless there is one of its name.
static void join(char *line, size_t most, const char *setting)
{
    size_t length = strlen(line), name = strcspn(setting, "=") + 1;
    for (const char *at = line; *at != '\0'; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, setting, name) == 0)
            return;
    snprintf(line + length, most - length, "%s%s", length != 0 ? " " : "", setting);
}

void zp_advice_together(const struct zp_profile_file *file, char *line, size_t most)
{
    line[0] = '\0';
    for (unsigned i = 0; i < file->site_count; i++) {
        struct zp_advice advice = zp_advice_for(file, &file->sites[i]);
        if (advice.setting[0] != '\0')
            join(line, most, advice.setting);
    }
}
