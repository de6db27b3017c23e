// SPDX-License-Identifier: MIT OR Apache-2.0

#include "command/check.h"
#include "command/help.h"
#include "command/json.h"
#include "command/say.h"
#include "config/options.h"
#include "stats/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Options ---------------------------------------------------------------------------------

__attribute__((format(printf, 3, 4))) static void note(char **notes, unsigned *count,
                                                       const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    if (*count == ZP_NOTES_MOST)
        return;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) >= 0)
        notes[(*count)++] = text;
    va_end(arguments);
}

static void check_option(struct zp_check *check, struct zp_options *options, const char *entry)
{
    size_t length = strcspn(entry, "=");
    const struct zp_option *option = zp_option_find(entry, length);
    const char *value = entry + length + 1;
    if (option == NULL)
        note(check->refused, &check->refused_count, "%.*s is not an option", (int)length, entry);
    else if (!zp_options_set(options, option, value))
        note(check->refused, &check->refused_count, "%s: expected %s; %s is used", entry,
             option->allowed, option->fallback);
    else if (strcmp(value, option->fallback) != 0)
        note(check->options, &check->option_count, "%s", entry);
}

void zp_check_options(struct zp_check *check, char *const *environment)
{
    struct zp_options options;
    const struct zp_option *option;
    zp_options_defaults(&options);
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, "ZEROPOOL_", 9) == 0 && strchr(*environment, '=') != NULL)
            check_option(check, &options, *environment);
    while ((option = zp_options_conflict(&options)) != NULL) {
        note(check->refused, &check->refused_count,
             "%s does not go with ZEROPOOL_CHECK=full; %s is used", option->name, option->fallback);
        zp_options_set(&options, option, option->fallback);
    }
}

void zp_check_count(struct zp_check *check, const struct zp_pool_stats *stats)
{
    check->counted = true;
    check->served = zp_counters_served(&stats->counters);
    check->passed = stats->counters.refused;
    check->large = check->served + check->passed;
    check->bytes = stats->counters.bytes_requested;
    check->small = stats->small_requests;
    check->live_bytes = stats->live_bytes;
    check->retained_bytes = stats->retained_bytes;
}

// ---- Text ------------------------------------------------------------------------------------

static void print_list(const char *title, char *const *notes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        printf("  %-13s", i == 0 ? title : "");
        zp_print_wrapped(notes[i], 15);
    }
}

static void print_text(const char *title, const char *text)
{
    printf("  %-13s", title);
    zp_print_wrapped(text, 15);
}

static void print_counts(const struct zp_check *check)
{
    char text[256];
    if (!check->counted) {
        if (check->library[0] != '\0')
            print_text("intercepted", "not known: the process does not publish its counters "
                                      "(ZEROPOOL_LIVE=on)");
        return;
    }
    snprintf(text, sizeof(text),
             "%llu large requests (%s): %llu by the pool, %llu passed to jemalloc; about "
             "%llu small ones",
             (unsigned long long)check->large, zp_bytes_text(check->bytes).is,
             (unsigned long long)check->served, (unsigned long long)check->passed,
             (unsigned long long)check->small);
    print_text("intercepted", text);
    snprintf(text, sizeof(text), "%s by the program, %s for the next requests",
             zp_bytes_text(check->live_bytes).is, zp_bytes_text(check->retained_bytes).is);
    print_text("held", text);
}

static void print_one(const struct zp_check *check)
{
    const char *state = check->in_force ? "zeropool is in force" : "zeropool is not in force";
    if (check->pid != 0)
        printf("process %d (%s): %s\n", (int)check->pid, check->name, state);
    else
        printf("%s: %s\n", check->name, state);
    if (check->reason[0] != '\0')
        print_text("why", check->reason);
    if (check->advice[0] != '\0')
        print_text("what to do", check->advice);
    if (check->library[0] != '\0') {
        print_text("library", check->library);
        print_text("version", check->version);
        if (check->option_count == 0)
            print_text("options", "the defaults");
        print_list("options", check->options, check->option_count);
        print_list("not in force", check->refused, check->refused_count);
    }
    print_counts(check);
}

void zp_check_print(const struct zp_check *checks, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        print_one(&checks[i]);
}

// ---- JSON ------------------------------------------------------------------------------------

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void put_list(struct zp_json *json, const char *name, char *const *notes, unsigned count)
{
    zp_json_list(json, name);
    for (unsigned i = 0; i < count; i++)
        zp_json_text(json, NULL, notes[i]);
    zp_json_end(json);
}

static void put_one(struct zp_json *json, const struct zp_check *check)
{
    zp_json_object(json, NULL);
    if (check->pid != 0)
        zp_json_number(json, "pid", (uint64_t)check->pid);
    else
        zp_json_text(json, "pid", NULL);
    zp_json_text(json, "program", check->name);
    zp_json_bool(json, "in_force", check->in_force);
    zp_json_text(json, "reason", or_null(check->reason));
    zp_json_text(json, "advice", or_null(check->advice));
    zp_json_text(json, "library", or_null(check->library));
    zp_json_text(json, "version", or_null(check->version));
    put_list(json, "options", check->options, check->option_count);
    put_list(json, "refused", check->refused, check->refused_count);
    if (check->counted) {
        zp_json_object(json, "intercepted");
        zp_json_number(json, "large_requests", check->large);
        zp_json_number(json, "large_bytes", check->bytes);
        zp_json_number(json, "by_pool", check->served);
        zp_json_number(json, "by_jemalloc", check->passed);
        zp_json_number(json, "small_requests", check->small);
        zp_json_end(json);
    } else {
        zp_json_text(json, "intercepted", NULL);
    }
    zp_json_end(json);
}

void zp_check_print_json(const struct zp_check *checks, unsigned count)
{
    struct zp_json json;
    zp_json_begin(&json);
    zp_json_list(&json, NULL);
    for (unsigned i = 0; i < count; i++)
        put_one(&json, &checks[i]);
    zp_json_end(&json);
}
