// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The page: a fixed text (page.html) in which one line is replaced by what the profile tells, as
// JSON. All of it is data to the page's script, which shows names as text and never as markup.

#include "command/advice.h"
#include "command/export.h"
#include "command/page_html.h"

#include <string.h>

static const char marker[] = "/*PROFILE*/";

// No text can end the script that it stands in.
static void put_text(FILE *to, const char *text)
{
    putc('"', to);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at < ' ' || *at == '"' || *at == '\\' || *at == '<' || *at == '>' || *at == '&' ||
            *at == 127)
            fprintf(to, "\\u%04x", *at);
        else
            putc(*at, to);
    }
    putc('"', to);
}

static void put_named_text(FILE *to, const char *name, const char *text)
{
    fprintf(to, "\"%s\":", name);
    put_text(to, text);
    putc(',', to);
}

static void put_head(FILE *to, const struct zp_profile_file *file, const struct zp_symbols *symbols)
{
    char together[1024];
    zp_advice_together(file, together, sizeof(together));
    put_named_text(to, "program", file->program);
    put_named_text(to, "version", file->version);
    put_named_text(to, "together", together);
    fprintf(to,
            "\"pid\":%llu,\"ended\":%llu,\"requests\":%llu,\"sampled\":%llu,\"lost\":%llu,"
            "\"retained\":%llu,\"budget\":%llu,\"unnamed\":%s,\n",
            (unsigned long long)file->pid, (unsigned long long)file->ended,
            (unsigned long long)file->requests, (unsigned long long)file->sampled,
            (unsigned long long)file->lost, (unsigned long long)file->retained_peak,
            (unsigned long long)file->budget,
            symbols->python_seen && !symbols->python_named ? "true" : "false");
}

static void put_symbols(FILE *to, const struct zp_symbols *symbols)
{
    fputs("\"symbols\":[", to);
    for (unsigned i = 0; i < symbols->count; i++) {
        const struct zp_symbol *symbol = &symbols->all[i];
        putc('{', to);
        put_named_text(to, "name", symbol->function);
        put_named_text(to, "source", symbol->source);
        put_named_text(to, "module", symbol->module);
        fprintf(to, "\"line\":%u,\"python\":%d}%s\n", symbol->line, symbol->python,
                i + 1 < symbols->count ? "," : "");
    }
    fputs("],", to);
}

static void put_site(FILE *to, const struct zp_profile_file *file,
                     const struct zp_profile_site *site, const struct zp_symbols *symbols)
{
    struct zp_advice advice = zp_advice_for(file, site);
    putc('{', to);
#define PUT(name, help) fprintf(to, "\"" #name "\":%llu,", (unsigned long long)site->is.name);
    ZP_SITE_FIELDS(PUT)
#undef PUT
    put_named_text(to, "why", advice.why);
    put_named_text(to, "setting", advice.setting);
    fputs("\"stack\":[", to);
    for (uint32_t i = site->is.depth; i-- > 0;)
        fprintf(to, "%td%s", zp_symbol_of(symbols, site->frames[i]) - symbols->all,
                i != 0 ? "," : "");
    fputs("]}", to);
}

static void put_profile(FILE *to, const struct zp_profile_file *file,
                        const struct zp_symbols *symbols)
{
    putc('{', to);
    put_head(to, file, symbols);
    put_symbols(to, symbols);
    fputs("\"sites\":[", to);
    for (unsigned i = 0; i < file->site_count; i++) {
        put_site(to, file, &file->sites[i], symbols);
        fputs(i + 1 < file->site_count ? ",\n" : "],\n\"time\":[", to);
    }
    if (file->site_count == 0)
        fputs("],\"time\":[", to);
    for (unsigned i = 0; i < file->point_count; i++) {
        const struct zp_point *point = &file->points[i];
        fprintf(to, "[%lu,%llu,%llu,%llu]%s", (unsigned long)point->ms,
                (unsigned long long)point->live, (unsigned long long)point->pooled,
                (unsigned long long)point->resident, i + 1 < file->point_count ? "," : "");
    }
    fputs("]}", to);
}

void zp_export_page(FILE *to, const struct zp_profile_file *file, const struct zp_symbols *symbols)
{
    const char *page = (const char *)zp_page_html, *at = strstr(page, marker);
    fwrite(page, (size_t)(at - page), 1, to);
    put_profile(to, file, symbols);
    fputs(at + sizeof(marker) - 1, to);
}
