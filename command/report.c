// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool report: what a profile tells.

#include "command/advice.h"
#include "command/arguments.h"
#include "command/export.h"
#include "command/output.h"
#include "command/say.h"
#include "stats/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOP_MOST = 1000, TOP_USUAL = 10, NATIVE_SHOWN = 3, FRAMES_SHOWN = 8 };

// ---- Text ------------------------------------------------------------------------------------

struct text {
    char is[48];
};

static struct text time_text(uint64_t us)
{
    struct text text;
    if (us < 1000)
        snprintf(text.is, sizeof(text.is), "%llu us", (unsigned long long)us);
    else if (us < 1000000)
        snprintf(text.is, sizeof(text.is), "%.1f ms", (double)us / 1000);
    else
        snprintf(text.is, sizeof(text.is), "%.1f s", (double)us / 1000000);
    return text;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole != 0 ? 100 * (double)part / (double)whole : 0;
}

// ---- A site ----------------------------------------------------------------------------------

static void print_frame(FILE *to, const struct zp_symbol *symbol)
{
    fprintf(to, "        %s", symbol->function);
    if (symbol->line != 0)
        fprintf(to, " (%s:%u)", symbol->source, symbol->line);
    else if (symbol->source[0] != '\0')
        fprintf(to, " (%s)", symbol->source);
    else if (symbol->module[0] != '\0')
        fprintf(to, " [%s]", symbol->module);
    putc('\n', to);
}

// Where Python's functions have names, those of the interpreter tell nothing.
static void print_stack(FILE *to, const struct zp_profile_site *site,
                        const struct zp_symbols *symbols)
{
    unsigned native = 0, shown = 0;
    bool python = false;
    for (uint32_t i = 0; i < site->is.depth; i++)
        python |= zp_symbol_of(symbols, site->frames[i])->python;
    for (uint32_t i = 0; i < site->is.depth && shown < FRAMES_SHOWN; i++) {
        const struct zp_symbol *symbol = zp_symbol_of(symbols, site->frames[i]);
        if (python && !symbol->python && (native++ >= NATIVE_SHOWN || shown > native))
            continue;
        print_frame(to, symbol);
        shown++;
    }
    if (site->is.depth == 0)
        fputs("        stacks that there was no room for\n", to);
}

static void print_numbers(FILE *to, const struct zp_site *site)
{
    struct zp_text least = zp_bytes_text(site->least), most = zp_bytes_text(site->most);
    bool one_size = strcmp(least.is, most.is) == 0;
    fprintf(to, "%s in %llu request%s of %s%s%s\n", zp_bytes_text(site->bytes).is,
            (unsigned long long)site->count, site->count == 1 ? "" : "s", least.is,
            one_size ? "" : " to ", one_size ? "" : most.is);
    fprintf(to, "     from the pool %.0f %% (thread %.0f, shard %.0f), fresh memory %.0f %%",
            percent(site->thread_hits + site->shard_hits, site->count),
            percent(site->thread_hits, site->count), percent(site->shard_hits, site->count),
            percent(site->fresh, site->count));
    if (site->refused != 0)
        fprintf(to, ", jemalloc %.0f %%", percent(site->refused, site->count));
    fprintf(to, "\n     at once %s in %llu buffer%s at most", zp_bytes_text(site->peak_bytes).is,
            (unsigned long long)site->peak, site->peak == 1 ? "" : "s");
    if (site->live != 0)
        fprintf(to, "; at the end %s in %llu", zp_bytes_text(site->live_bytes).is,
                (unsigned long long)site->live);
    if (site->looked_bytes != 0)
        fprintf(to, "\n     written %.0f %%", percent(site->written, site->looked_bytes));
    else
        fprintf(to, "\n     how much was written is not known");
    if (site->read_bytes != 0)
        fprintf(to, ", %s read from files", zp_bytes_text(site->read_bytes).is);
    if (site->freed != 0)
        fprintf(to, "; lived %s on average, %s at most",
                time_text(site->lifetime_us / site->freed).is, time_text(site->longest_us).is);
    putc('\n', to);
}

static void print_site(FILE *to, unsigned number, const struct zp_profile_file *file,
                       const struct zp_symbols *symbols)
{
    const struct zp_profile_site *site = &file->sites[number];
    struct zp_advice advice = zp_advice_for(file, site);
    fprintf(to, "%3u. ", number + 1);
    print_numbers(to, &site->is);
    print_stack(to, site, symbols);
    if (advice.why[0] != '\0')
        fprintf(to, "     %s\n", advice.why);
    if (advice.setting[0] != '\0')
        fprintf(to, "     try %s\n", advice.setting);
    putc('\n', to);
}

// ---- All of them -----------------------------------------------------------------------------

static void print_head(FILE *to, const struct zp_profile_file *file)
{
    uint64_t live = 0, resident = 0;
    for (unsigned i = 0; i < file->point_count; i++) {
        live = file->points[i].live > live ? file->points[i].live : live;
        resident = file->points[i].resident > resident ? file->points[i].resident : resident;
    }
    fprintf(to, "%s (pid %llu): %llu large requests from %u call sites", file->program,
            (unsigned long long)file->pid, (unsigned long long)file->requests, file->site_count);
    if (file->sampled != file->requests)
        fprintf(to, "; %llu were recorded and stand for all", (unsigned long long)file->sampled);
    fprintf(to, "\nlive %s at most, retained %s at most, resident %s at most\n",
            zp_bytes_text(live).is, zp_bytes_text(file->retained_peak).is,
            zp_bytes_text(resident).is);
    if (file->lost != 0)
        fprintf(to,
                "%llu live buffers were more than there was room for: what became of them is not "
                "known\n",
                (unsigned long long)file->lost);
    putc('\n', to);
}

static void print_notes(FILE *to, const struct zp_symbols *symbols)
{
    if (symbols->python_seen && !symbols->python_named)
        fputs(
            "Python's functions have no names here: that takes Python 3.12 or newer with\n"
            "PYTHONPERFSUPPORT=1 (`zeropool record` sets it), and /tmp/perf-PID.map of that run.\n",
            to);
    if (symbols->lines_wanted)
        fputs("Source lines take addr2line (package binutils).\n", to);
    if (symbols->changed != NULL)
        fprintf(to, "%s is not the file any more that was profiled: its functions have no names.\n",
                symbols->changed);
}

static void print_text(FILE *to, const struct zp_profile_file *file,
                       const struct zp_symbols *symbols, unsigned top)
{
    char together[1024];
    print_head(to, file);
    for (unsigned i = 0; i < file->site_count && i < top; i++)
        print_site(to, i, file, symbols);
    if (file->site_count > top)
        fprintf(to, "and %u more sites (--top N shows N)\n\n", file->site_count - top);
    zp_advice_together(file, together, sizeof(together));
    if (together[0] != '\0')
        fprintf(to, "all together: %s\n", together);
    else
        fputs("no setting is likely to help\n", to);
    print_notes(to, symbols);
}

// ---- The command -----------------------------------------------------------------------------

enum format { TEXT, FOLDED, PPROF, HTML };

static int choose_format(const struct zp_arguments *arguments, enum format *format)
{
    static const char *const names[] = {NULL, "--folded", "--pprof", "--html"};
    unsigned chosen = 0;
    *format = TEXT;
    for (unsigned i = FOLDED; i <= HTML; i++)
        if (zp_flag_value(arguments, names[i]) != NULL) {
            *format = (enum format)i;
            chosen++;
        }
    return chosen > 1 ? zp_wrong("--folded, --pprof and --html exclude each other") : ZP_DONE;
}

static void print(FILE *to, const struct zp_arguments *arguments, enum format format, long top,
                  const struct zp_profile_file *file, const struct zp_symbols *symbols)
{
    const char *by = zp_flag_value(arguments, "--by");
    if (format == FOLDED)
        zp_export_folded(to, file, symbols, by != NULL ? by : "bytes");
    else if (format == PPROF)
        zp_export_pprof(to, file, symbols);
    else if (format == HTML)
        zp_export_page(to, file, symbols);
    else
        print_text(to, file, symbols, (unsigned)top);
}

static int print_to_file(const char *name, const struct zp_arguments *arguments, enum format format,
                         long top, const struct zp_profile_file *file,
                         const struct zp_symbols *symbols)
{
    struct zp_output output;
    int error = zp_output_open(&output, name);
    if (error != 0)
        return zp_fail(ZP_FAILED, "%s: %s", name, strerror(-error));
    int copy = dup(output.fd);
    FILE *to = copy >= 0 ? fdopen(copy, "w") : NULL;
    if (to != NULL) {
        print(to, arguments, format, top, file, symbols);
        bool failed = ferror(to) != 0;
        error = fclose(to) != 0 ? -errno : failed ? -EIO : 0;
    } else {
        error = -errno;
        if (copy >= 0)
            close(copy);
    }
    mode_t mask = umask(0); // that of other new files
    umask(mask);
    error = zp_output_close(&output, error, 0666 & ~mask);
    return error == 0 ? ZP_DONE : zp_fail(ZP_FAILED, "%s: %s", name, strerror(-error));
}

int zp_report(const struct zp_arguments *arguments)
{
    struct zp_profile_file file;
    struct zp_symbols symbols;
    enum format format;
    long top;
    uint64_t unused;
    const char *by = zp_flag_value(arguments, "--by"),
               *output = zp_flag_value(arguments, "--output");
    if (!zp_flag_number(arguments, "--top", 1, TOP_MOST, TOP_USUAL, &top))
        return ZP_WRONG;
    int status = choose_format(arguments, &format);
    if (status != ZP_DONE)
        return status;
    if (by != NULL && !zp_weight_of(&(struct zp_site){0}, by, &unused))
        return zp_wrong("--by %s: expected bytes, requests, fresh, peak or live", by);
    if (by != NULL && format != FOLDED)
        return zp_wrong("--by goes with --folded");
    if (zp_flag_value(arguments, "--top") != NULL && format != TEXT)
        return zp_wrong("--top does not go with --folded, --pprof or --html, which have all sites");
    if (arguments->word_count != 1)
        return zp_wrong("expected one file, as `zeropool record` writes it");
    if (format == PPROF && output == NULL && isatty(STDOUT_FILENO))
        return zp_wrong("--pprof is not for a terminal: give it --output FILE");
    status = zp_profile_read(arguments->words[0], &file);
    if (status != ZP_DONE)
        return status;
    zp_symbols_find(&file, &symbols);
    if (output != NULL)
        return print_to_file(output, arguments, format, top, &file, &symbols);
    print(stdout, arguments, format, top, &file, &symbols);
    return zp_finish(ZP_DONE);
}
