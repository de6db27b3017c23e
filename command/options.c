// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool options: the list of the library's options, from the table that the library itself
// reads them by.

#include "config/options.h"
#include "command/arguments.h"
#include "command/help.h"
#include "command/json.h"
#include "command/profiles.h"
#include "command/say.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_named(const struct zp_option *option, const char *word)
{
    char flag[ZP_FLAG_NAME_MOST];
    zp_option_flag(option, flag);
    return strcasecmp(word, option->name) == 0 || strcmp(word, flag) == 0 ||
           strcmp(word, flag + 2) == 0 ||
           strcasecmp(word, option->name + sizeof("ZEROPOOL_") - 1) == 0;
}

static bool is_wanted(const struct zp_option *option, char **words)
{
    bool any = *words != NULL;
    for (; *words != NULL; words++)
        if (is_named(option, *words))
            return true;
    return !any;
}

static int check_names(char **words)
{
    for (; *words != NULL; words++) {
        bool known = false;
        for (size_t i = 0; i < zp_option_count; i++)
            known |= is_named(&zp_option_table[i], *words);
        if (!known)
            return zp_wrong("%s: no such option; `zeropool options` lists them", *words);
    }
    return ZP_DONE;
}

static void print_option(const struct zp_option *option)
{
    char flag[ZP_FLAG_NAME_MOST];
    zp_option_flag(option, flag);
    printf("%s, %s\n    ", option->name, flag);
    zp_print_wrapped(option->allowed, 4);
    printf("    default: %s\n    ", option->fallback);
    zp_print_wrapped(option->help, 4);
    putchar('\n');
}

static void print_profiles(void)
{
    puts("Named sets (run, check and compare --profile NAME):\n");
    for (const struct zp_profile *profile = zp_profiles; profile->name != NULL; profile++) {
        printf("%s\n    ", profile->name);
        zp_print_wrapped(profile->help, 4);
        printf("   ");
        for (int i = 0; i < ZP_PROFILE_MOST && profile->settings[i].name != NULL; i++)
            printf(" %s=%s", profile->settings[i].name, profile->settings[i].value);
        puts("\n");
    }
}

static void print_json(char **words)
{
    struct zp_json json;
    zp_json_begin(&json);
    zp_json_list(&json, NULL);
    for (size_t i = 0; i < zp_option_count; i++) {
        const struct zp_option *option = &zp_option_table[i];
        char flag[ZP_FLAG_NAME_MOST];
        if (!is_wanted(option, words))
            continue;
        zp_option_flag(option, flag);
        zp_json_object(&json, NULL);
        zp_json_text(&json, "name", option->name);
        zp_json_text(&json, "flag", flag);
        zp_json_text(&json, "values", option->allowed);
        zp_json_text(&json, "default", option->fallback);
        zp_json_text(&json, "meaning", option->help);
        zp_json_end(&json);
    }
    zp_json_end(&json);
}

int zp_list_options(const struct zp_arguments *arguments)
{
    int status = check_names(arguments->words);
    if (status != ZP_DONE)
        return status;
    if (zp_flag_value(arguments, "--json") != NULL) {
        print_json(arguments->words);
        return zp_finish(ZP_DONE);
    }
    for (size_t i = 0; i < zp_option_count; i++)
        if (is_wanted(&zp_option_table[i], arguments->words))
            print_option(&zp_option_table[i]);
    if (arguments->word_count == 0)
        print_profiles();
    return zp_finish(ZP_DONE);
}
