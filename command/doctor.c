// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool doctor: what this machine allows, what that costs, and what to do about it.

#include "command/arguments.h"
#include "command/findings.h"
#include "command/help.h"
#include "command/json.h"
#include "command/library.h"
#include "command/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct zp_finding *zp_found(struct zp_findings *findings, const char *about, const char *key,
                            enum zp_level level, const char *format, ...)
{
    if (findings->count == ZP_FINDINGS_MOST)
        exit(zp_fail(ZP_FAILED, "more than %d findings", ZP_FINDINGS_MOST));
    struct zp_finding *finding = &findings->list[findings->count++];
    *finding = (struct zp_finding){.about = about, .key = key, .level = level};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->is, sizeof(finding->is), format, arguments);
    va_end(arguments);
    return finding;
}

struct zp_text zp_size_text(size_t bytes)
{
    return bytes == SIZE_MAX ? (struct zp_text){"unlimited"} : zp_bytes_text(bytes);
}

// ---- What is not of the machine --------------------------------------------------------------

static void find_library(struct zp_findings *findings, const char *given)
{
    struct zp_library library;
    if (zp_library_find(given, &library) != ZP_DONE) {
        zp_found(findings, "library", "library", ZP_PREVENTS, "%s not found", ZP_LIBRARY_FILE)
            ->advice = "install it, put it beside this command, or name it with --library";
        return;
    }
    struct zp_finding *finding = zp_found(findings, "library", "library", ZP_FINE,
                                          "%.200s, version %s", library.path, library.version);
    if (strpbrk(library.path, " :") != NULL) {
        finding->level = ZP_PREVENTS;
        finding->cost = "LD_PRELOAD cannot hold a path with a space or a colon";
        finding->advice = "move the library";
    }
}

// The options of the environment that exclude each other.
static void find_conflicts(struct zp_findings *findings, struct zp_options *options)
{
    const struct zp_option *option;
    while ((option = zp_options_conflict(options)) != NULL) {
        struct zp_finding *finding = zp_found(findings, "option", "option", ZP_COSTS,
                                              "%s does not go with ZEROPOOL_CHECK=full; %s is used",
                                              option->name, option->fallback);
        finding->cost = "it is not in force";
        finding->advice = "choose one of the two";
        zp_options_set(options, option, option->fallback);
    }
}

static void find_options(struct zp_findings *findings)
{
    static struct zp_options options;
    zp_options_defaults(&options);
    for (char **entry = environ; *entry != NULL; entry++) {
        size_t length = strcspn(*entry, "=");
        if (strncmp(*entry, "ZEROPOOL_", 9) != 0 || (*entry)[length] == '\0')
            continue;
        const struct zp_option *option = zp_option_find(*entry, length);
        bool valid = option != NULL && zp_options_set(&options, option, *entry + length + 1);
        struct zp_finding *finding =
            zp_found(findings, "option", "option", valid ? ZP_NOTE : ZP_COSTS, "%.200s", *entry);
        if (valid)
            continue;
        finding->cost = option != NULL ? "the value is not valid: the default is used"
                                       : "there is no such option";
        finding->advice = "zeropool options lists names and values";
    }
    find_conflicts(findings, &options);
    findings->options = options;
}

static void probe(struct zp_findings *findings, const char *root)
{
    static const struct zp_machine_wants all = {.quota = true,
                                                .memory = true,
                                                .available = true,
                                                .cache = true,
                                                .huge_pages = true,
                                                .nodes = true};
    *findings = (struct zp_findings){.root = root};
    zp_machine_probe(&findings->machine, &all, root);
}

// ---- The report ------------------------------------------------------------------------------

static const char *const levels[] = {
    [ZP_FINE] = "ok", [ZP_NOTE] = "note", [ZP_COSTS] = "costs", [ZP_PREVENTS] = "prevents"};

static void print_text(const struct zp_findings *findings)
{
    unsigned counts[ZP_PREVENTS + 1] = {0};
    for (unsigned i = 0; i < findings->count; i++) {
        const struct zp_finding *finding = &findings->list[i];
        counts[finding->level]++;
        printf("%-9s%-21s", levels[finding->level], finding->about);
        zp_print_wrapped(finding->is, 30);
        if (finding->cost != NULL) {
            printf("%30s", "");
            zp_print_wrapped(finding->cost, 30);
        }
        if (finding->advice != NULL) {
            printf("%27s-> ", "");
            zp_print_wrapped(finding->advice, 30);
        }
    }
    if (counts[ZP_PREVENTS] > 0)
        puts("\nThe library does not work like this.");
    else if (counts[ZP_COSTS] > 0)
        printf("\n%u finding%s cost%s time or memory; the library works.\n", counts[ZP_COSTS],
               counts[ZP_COSTS] > 1 ? "s" : "", counts[ZP_COSTS] > 1 ? "" : "s");
    else
        puts("\nNothing to do.");
}

static void print_json(const struct zp_findings *findings)
{
    struct zp_json json;
    zp_json_begin(&json);
    zp_json_list(&json, NULL);
    for (unsigned i = 0; i < findings->count; i++) {
        const struct zp_finding *finding = &findings->list[i];
        zp_json_object(&json, NULL);
        zp_json_text(&json, "name", finding->key);
        zp_json_text(&json, "level", levels[finding->level]);
        zp_json_text(&json, "found", finding->is);
        zp_json_text(&json, "cost", finding->cost);
        zp_json_text(&json, "advice", finding->advice);
        zp_json_end(&json);
    }
    zp_json_end(&json);
}

int zp_doctor(const struct zp_arguments *arguments)
{
    static struct zp_findings findings;
    const char *root = zp_flag_value(arguments, "--root");
    const char *given = zp_flag_value(arguments, "--library");
    struct zp_library library;
    if (root != NULL && access(root, R_OK | X_OK) != 0)
        return zp_wrong("--root %s: it cannot be read", root);
    if (given != NULL && zp_library_find(given, &library) != ZP_DONE)
        return zp_library_require(given, &library);
    probe(&findings, root != NULL ? root : "");
    find_library(&findings, given);
    find_options(&findings);
    zp_find_memory(&findings);
    zp_find_kernel(&findings);
    zp_find_defaults(&findings);
    if (zp_flag_value(arguments, "--json") != NULL)
        print_json(&findings);
    else
        print_text(&findings);
    bool prevented = false;
    for (unsigned i = 0; i < findings.count; i++)
        prevented |= findings.list[i].level == ZP_PREVENTS;
    return zp_finish(prevented ? ZP_NOT_SO : ZP_DONE);
}
