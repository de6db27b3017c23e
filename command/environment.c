// SPDX-License-Identifier: MIT OR Apache-2.0

#include "environment.h"

#include "command/library.h"
#include "command/profiles.h"
#include "command/say.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set(const char *name, const char *value)
{
    if (setenv(name, value, 1) != 0)
        exit(zp_fail(ZP_FAILED, "no memory"));
}

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), own = strlen(end);
    return length >= own && strcmp(text + length - own, end) == 0;
}

// A report's file says its format by its ending, unless that was given.
static void set_format(const struct zp_arguments *arguments)
{
    const char *file = NULL;
    bool given = false;
    for (unsigned i = 0; i < arguments->given_count; i++) {
        const struct zp_option *option = arguments->given[i].option;
        if (option != NULL && strcmp(option->name, "ZEROPOOL_STATS") == 0)
            file = arguments->given[i].value;
        given |= option != NULL && strcmp(option->name, "ZEROPOOL_STATS_FORMAT") == 0;
    }
    if (file == NULL || given)
        return;
    if (ends_in(file, ".json"))
        set("ZEROPOOL_STATS_FORMAT", "json");
    if (ends_in(file, ".prom"))
        set("ZEROPOOL_STATS_FORMAT", "prometheus");
}

void zp_environment_set_options(const struct zp_arguments *arguments)
{
    const char *name = zp_flag_value(arguments, "--profile");
    const struct zp_profile *profile = name != NULL ? zp_profile_find(name) : NULL;
    for (int i = 0; profile != NULL && i < ZP_PROFILE_MOST; i++)
        if (profile->settings[i].name != NULL)
            set(profile->settings[i].name, profile->settings[i].value);
    for (unsigned i = 0; i < arguments->given_count; i++)
        if (arguments->given[i].option != NULL)
            set(arguments->given[i].option->name, arguments->given[i].value);
    set_format(arguments);
}

bool zp_preload_is_own(const char *item, size_t length)
{
    static const char file[] = ZP_LIBRARY_FILE;
    size_t own = sizeof(file) - 1;
    return length >= own && memcmp(item + length - own, file, own) == 0 &&
           (length == own || item[length - own - 1] == '/');
}

// Appends the items of LD_PRELOAD but zeropool's own to a list, which has room for them.
static void append_others(char *list)
{
    const char *item = getenv("LD_PRELOAD");
    for (; item != NULL && *item != '\0'; item += strspn(item, " :")) {
        size_t length = strcspn(item, " :"), end = strlen(list);
        if (length > 0 && !zp_preload_is_own(item, length)) {
            if (end > 0)
                list[end++] = ':';
            memcpy(list + end, item, length);
            list[end + length] = '\0';
        }
        item += length;
    }
}

static char *room_for(const char *path)
{
    const char *now = getenv("LD_PRELOAD");
    return zp_room(strlen(path) + (now != NULL ? strlen(now) : 0) + 2, 1);
}

void zp_environment_preload(const char *path)
{
    char *list = room_for(path);
    memcpy(list, path, strlen(path) + 1);
    append_others(list);
    set("LD_PRELOAD", list);
    free(list);
}

static void remove_options(void)
{
    for (size_t i = 0; i < zp_option_count; i++)
        unsetenv(zp_option_table[i].name);
}

void zp_environment_without(void)
{
    char *list = room_for("");
    append_others(list);
    if (*list != '\0')
        set("LD_PRELOAD", list);
    else
        unsetenv("LD_PRELOAD");
    free(list);
    remove_options();
}
