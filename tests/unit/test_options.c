// SPDX-License-Identifier: MIT OR Apache-2.0

#include "config/options.h"
#include "support.h"

static struct zp_options options;
static char text[16 * ZP_LINE_MAX];

// Parses entries like those of an environment, the last one NULL; what is said goes to `text`.
static void parse(char *const *environment)
{
    struct unit_output output = unit_output_begin();
    errno = 4711;
    zp_options_parse(&options, environment);
    int after = errno;
    unit_output_end(output, text, sizeof(text));
    ck_assert_int_eq(after, 4711);
}

static void parse_one(const char *entry)
{
    char copy[1024];
    snprintf(copy, sizeof(copy), "%s", entry);
    zp_options_defaults(&options);
    parse((char *[]){copy, NULL});
}

#define EXPECT(entry, field, value)                                                                \
    do {                                                                                           \
        parse_one(entry);                                                                          \
        ck_assert_str_eq(text, "");                                                                \
        ck_assert_int_eq(options.field, (value));                                                  \
    } while (0)

// The line without "zeropool: " and the newline; nothing else may be said, and nothing may change.
#define EXPECT_WARNING(entry, line)                                                                \
    do {                                                                                           \
        struct zp_options defaults;                                                                \
        zp_options_defaults(&defaults);                                                            \
        parse_one(entry);                                                                          \
        ck_assert_str_eq(text, "zeropool: " line "\n");                                            \
        ck_assert_mem_eq(&options, &defaults, sizeof(options));                                    \
    } while (0)

// Breaks when a default is not what the documentation says.
START_TEST(the_defaults)
{
    zp_options_defaults(&options);
    ck_assert_int_eq(options.enable, 1);
    ck_assert_int_eq(options.min_size, 1 << 20);
    ck_assert_int_eq(options.shards, ZP_AUTO);
    ck_assert_int_eq(options.tls_cache, ZP_AUTO);
    ck_assert_int_eq(options.tls_bytes, ZP_AUTO);
    ck_assert_int_eq(options.max_per_shard, ZP_AUTO);
    ck_assert_int_eq(options.max_memory, ZP_AUTO);
    ck_assert_int_eq(options.zero, ZP_ZERO_FREE);
    ck_assert_int_eq(options.thp, ZP_THP_AUTO);
    ck_assert_str_eq(options.stats, "");
    ck_assert_int_eq(options.verbose, 0);
}
END_TEST

// Breaks when writing out a default does not give the default, or is warned of.
START_TEST(every_default_can_be_written)
{
    struct zp_options defaults;
    zp_options_defaults(&defaults);
    for (size_t i = 0; i < zp_option_count; i++) {
        const struct zp_option *option = &zp_option_table[i];
        char entry[256];
        snprintf(entry, sizeof(entry), "%s=%s", option->name, option->fallback);
        memset(&options, 0x55, sizeof(options));
        parse((char *[]){entry, NULL});
        ck_assert_str_eq(text, "");
        ck_assert_mem_eq((char *)&options + option->offset, (char *)&defaults + option->offset,
                         sizeof(int64_t));
    }
}
END_TEST

// Breaks when a good value is refused or read as another one.
START_TEST(good_values)
{
    EXPECT("ZEROPOOL_ENABLE=0", enable, 0);
    EXPECT("ZEROPOOL_ENABLE=1", enable, 1);
    EXPECT("ZEROPOOL_MIN_SIZE=64K", min_size, 64 << 10);
    EXPECT("ZEROPOOL_MIN_SIZE=64k", min_size, 64 << 10);
    EXPECT("ZEROPOOL_MIN_SIZE=65536", min_size, 65536);
    EXPECT("ZEROPOOL_MIN_SIZE=65537", min_size, 65537);
    EXPECT("ZEROPOOL_MIN_SIZE=2m", min_size, 2 << 20);
    EXPECT("ZEROPOOL_MIN_SIZE=1G", min_size, 1 << 30);
    EXPECT("ZEROPOOL_SHARDS=1", shards, 1);
    EXPECT("ZEROPOOL_SHARDS=16", shards, 16);
    EXPECT("ZEROPOOL_SHARDS=016", shards, 16);
    EXPECT("ZEROPOOL_SHARDS=128", shards, 128);
    EXPECT("ZEROPOOL_SHARDS=auto", shards, ZP_AUTO);
    EXPECT("ZEROPOOL_TLS_CACHE=0", tls_cache, 0);
    EXPECT("ZEROPOOL_TLS_CACHE=64", tls_cache, 64);
    EXPECT("ZEROPOOL_TLS_CACHE=auto", tls_cache, ZP_AUTO);
    EXPECT("ZEROPOOL_TLS_BYTES=0", tls_bytes, 0);
    EXPECT("ZEROPOOL_TLS_BYTES=128M", tls_bytes, 128 << 20);
    EXPECT("ZEROPOOL_TLS_BYTES=auto", tls_bytes, ZP_AUTO);
    EXPECT("ZEROPOOL_MAX_PER_SHARD=1", max_per_shard, 1);
    EXPECT("ZEROPOOL_MAX_PER_SHARD=65536", max_per_shard, 65536);
    EXPECT("ZEROPOOL_MAX_PER_SHARD=auto", max_per_shard, ZP_AUTO);
    EXPECT("ZEROPOOL_MAX_MEMORY=0", max_memory, 0);
    EXPECT("ZEROPOOL_MAX_MEMORY=9223372036854775807", max_memory, INT64_MAX);
    EXPECT("ZEROPOOL_MAX_MEMORY=8589934591G", max_memory, INT64_MAX - ((1 << 30) - 1));
    EXPECT("ZEROPOOL_MAX_MEMORY=auto", max_memory, ZP_AUTO);
    EXPECT("ZEROPOOL_ZERO=free", zero, ZP_ZERO_FREE);
    EXPECT("ZEROPOOL_ZERO=both", zero, ZP_ZERO_BOTH);
    EXPECT("ZEROPOOL_ZERO=background", zero, ZP_ZERO_BACKGROUND);
    EXPECT("ZEROPOOL_ZERO=off", zero, ZP_ZERO_OFF);
    EXPECT("ZEROPOOL_THP=auto", thp, ZP_THP_AUTO);
    EXPECT("ZEROPOOL_THP=on", thp, ZP_THP_ON);
    EXPECT("ZEROPOOL_THP=off", thp, ZP_THP_OFF);
    EXPECT("ZEROPOOL_STATS_FORMAT=json", stats_format, ZP_STATS_JSON);
    EXPECT("ZEROPOOL_STATS_SIGNAL=RTMAX", stats_signal, 11);
    EXPECT("ZEROPOOL_LIVE=on", live, ZP_LIVE_ON);
    EXPECT("ZEROPOOL_VERBOSE=3", verbose, 3);
}
END_TEST

// Breaks when a bad value is accepted, or its message does not say what is wrong, allowed and used.
START_TEST(bad_values_are_named)
{
    EXPECT_WARNING("ZEROPOOL_ENABLE=2", "ZEROPOOL_ENABLE=2: expected 0 or 1; using 1");
    EXPECT_WARNING("ZEROPOOL_ENABLE=yes", "ZEROPOOL_ENABLE=yes: expected 0 or 1; using 1");
    EXPECT_WARNING("ZEROPOOL_ENABLE=", "ZEROPOOL_ENABLE=: expected 0 or 1; using 1");
    EXPECT_WARNING("ZEROPOOL_ENABLE=auto", "ZEROPOOL_ENABLE=auto: expected 0 or 1; using 1");
    EXPECT_WARNING("ZEROPOOL_ENABLE=1K", "ZEROPOOL_ENABLE=1K: expected 0 or 1; using 1");
    EXPECT_WARNING("ZEROPOOL_MIN_SIZE=63K",
                   "ZEROPOOL_MIN_SIZE=63K: expected a size from 64K to 1G; using 1M");
    EXPECT_WARNING("ZEROPOOL_MIN_SIZE=1025M",
                   "ZEROPOOL_MIN_SIZE=1025M: expected a size from 64K to 1G; using 1M");
    EXPECT_WARNING("ZEROPOOL_MIN_SIZE=-1",
                   "ZEROPOOL_MIN_SIZE=-1: expected a size from 64K to 1G; using 1M");
    EXPECT_WARNING("ZEROPOOL_MIN_SIZE=1MB",
                   "ZEROPOOL_MIN_SIZE=1MB: expected a size from 64K to 1G; using 1M");
    EXPECT_WARNING("ZEROPOOL_MIN_SIZE=1T",
                   "ZEROPOOL_MIN_SIZE=1T: expected a size from 64K to 1G; using 1M");
    EXPECT_WARNING("ZEROPOOL_MIN_SIZE=M",
                   "ZEROPOOL_MIN_SIZE=M: expected a size from 64K to 1G; using 1M");
    EXPECT_WARNING("ZEROPOOL_MIN_SIZE= 1M",
                   "ZEROPOOL_MIN_SIZE= 1M: expected a size from 64K to 1G; using 1M");
    EXPECT_WARNING("ZEROPOOL_MIN_SIZE=0x100000",
                   "ZEROPOOL_MIN_SIZE=0x100000: expected a size from 64K to 1G; using 1M");
    EXPECT_WARNING("ZEROPOOL_SHARDS=12",
                   "ZEROPOOL_SHARDS=12: expected auto or a power of two from 1 to 128; using auto");
    EXPECT_WARNING("ZEROPOOL_SHARDS=0",
                   "ZEROPOOL_SHARDS=0: expected auto or a power of two from 1 to 128; using auto");
    EXPECT_WARNING(
        "ZEROPOOL_SHARDS=256",
        "ZEROPOOL_SHARDS=256: expected auto or a power of two from 1 to 128; using auto");
    EXPECT_WARNING("ZEROPOOL_TLS_CACHE=65",
                   "ZEROPOOL_TLS_CACHE=65: expected auto or a number from 0 to 64; using auto");
    EXPECT_WARNING("ZEROPOOL_MAX_MEMORY=8589934592G",
                   "ZEROPOOL_MAX_MEMORY=8589934592G: expected auto or a size; using auto");
    EXPECT_WARNING("ZEROPOOL_MAX_MEMORY=9223372036854775808",
                   "ZEROPOOL_MAX_MEMORY=9223372036854775808: expected auto or a size; using auto");
    EXPECT_WARNING(
        "ZEROPOOL_MAX_MEMORY=99999999999999999999999",
        "ZEROPOOL_MAX_MEMORY=99999999999999999999999: expected auto or a size; using auto");
    EXPECT_WARNING("ZEROPOOL_ZERO=fre",
                   "ZEROPOOL_ZERO=fre: expected free, both, background or off; using free");
    EXPECT_WARNING("ZEROPOOL_ZERO=FREE",
                   "ZEROPOOL_ZERO=FREE: expected free, both, background or off; using free");
    EXPECT_WARNING("ZEROPOOL_ZERO=free|off",
                   "ZEROPOOL_ZERO=free|off: expected free, both, background or off; using free");
    EXPECT_WARNING("ZEROPOOL_ZERO=",
                   "ZEROPOOL_ZERO=: expected free, both, background or off; using free");
    EXPECT_WARNING("ZEROPOOL_THP=1", "ZEROPOOL_THP=1: expected auto, on or off; using auto");
    EXPECT_WARNING("ZEROPOOL_VERBOSE=4",
                   "ZEROPOOL_VERBOSE=4: expected a number from 0 to 3; using 0");
}
END_TEST

// Breaks when a list is not taken apart as it is written.
START_TEST(lists)
{
    parse_one("ZEROPOOL_PREWARM=154M,9M*24,5120000,64k*1");
    ck_assert_str_eq(text, "");
    static const struct zp_prewarm expected[] = {
        {154 << 20, 1}, {9 << 20, 24}, {5120000, 1}, {64 << 10, 1}, {0, 0}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        ck_assert_uint_eq(options.prewarm.sizes[i].size, expected[i].size);
        ck_assert_uint_eq(options.prewarm.sizes[i].count, expected[i].count);
    }
    ck_assert(!options.prewarm.is_word);
    parse_one("ZEROPOOL_PREWARM=learn");
    ck_assert_str_eq(text, "");
    ck_assert(options.prewarm.is_word);
    ck_assert_uint_eq(zp_size_list_count(&options.prewarm), 0);
    parse_one("ZEROPOOL_PREWARM=none");
    ck_assert_str_eq(text, "");
    ck_assert(!options.prewarm.is_word);
    ck_assert_uint_eq(options.prewarm.sizes[0].count, 0);
}
END_TEST

// Breaks when a list that is wrong anywhere is taken as far as it goes, or not named.
START_TEST(bad_lists)
{
    static const char *const bad[] = {"",         "1M,",      ",1M",    "1M*",          "1M*0",
                                      "*3",       "1M**2",    "1M*2*3", "1M 2M",        "0",
                                      "65G",      "1M*-1",    "1MB",    "1M*2K",        "NONE",
                                      "learn,1M", "1M,learn", "Learn",  "1M*4294967296"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char entry[128], line[256];
        snprintf(entry, sizeof(entry), "ZEROPOOL_PREWARM=%s", bad[i]);
        snprintf(line, sizeof(line),
                 "zeropool: %s: expected none, learn or sizes up to 64G with counts, such as "
                 "154M,9M*24; "
                 "using none\n",
                 entry);
        parse_one(entry);
        ck_assert_str_eq(text, line);
        ck_assert_uint_eq(options.prewarm.sizes[0].count, 0);
    }
    char many[256] = "ZEROPOOL_PREWARM=1M";
    for (unsigned i = 1; i < ZP_SIZES_MOST; i++)
        strcat(many, ",1M");
    parse_one(many);
    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(options.prewarm.sizes[ZP_SIZES_MOST - 1].count, 1);
    strcat(many, ",1M");
    parse_one(many);
    ck_assert_str_ne(text, "");
}
END_TEST

// Breaks when a misspelt name is not noticed, or the wrong one is suggested.
START_TEST(unknown_names_get_the_nearest)
{
    EXPECT_WARNING("ZEROPOOL_SHARD=4",
                   "ZEROPOOL_SHARD is not an option; did you mean ZEROPOOL_SHARDS?");
    EXPECT_WARNING("ZEROPOOL_SHRADS=4",
                   "ZEROPOOL_SHRADS is not an option; did you mean ZEROPOOL_SHARDS?");
    EXPECT_WARNING("ZEROPOOL_MAXMEMORY=4",
                   "ZEROPOOL_MAXMEMORY is not an option; did you mean ZEROPOOL_MAX_MEMORY?");
    EXPECT_WARNING("ZEROPOOL_VERBOSITY=1",
                   "ZEROPOOL_VERBOSITY is not an option; did you mean ZEROPOOL_VERBOSE?");
    EXPECT_WARNING("ZEROPOOL_FLUX_CAPACITOR=1", "ZEROPOOL_FLUX_CAPACITOR is not an option");
    EXPECT_WARNING("ZEROPOOL_shards=1", "ZEROPOOL_shards is not an option");
}
END_TEST

// Breaks when a name or a value of any length runs over a buffer, or fills the screen.
START_TEST(long_names_and_values_are_cut)
{
    char entry[8 * ZP_LINE_MAX], *environment[] = {entry, NULL};
    for (size_t length = 1; length < sizeof(entry) - 32; length += length < 80 ? 1 : 97) {
        zp_options_defaults(&options);
        memset(entry, 'X', sizeof(entry));
        memcpy(entry, "ZEROPOOL_", 9);
        memcpy(entry + 9 + length, "=1", 3);
        parse(environment);
        MUST(strlen(text) < ZP_LINE_MAX);
        MUST(strchr(text, '\n') == text + strlen(text) - 1);
        memset(entry, '9', sizeof(entry));
        memcpy(entry, "ZEROPOOL_SHARDS=", 16);
        entry[16 + length] = '\0';
        parse(environment);
        if (length > 3) {
            MUST(strlen(text) < ZP_LINE_MAX);
            MUST(strchr(text, '\n') == text + strlen(text) - 1);
        }
        MUST(options.shards == ZP_AUTO);
    }
}
END_TEST

// Breaks when what is none of ours is read or complained about.
START_TEST(other_variables_are_left_alone)
{
    struct zp_options defaults;
    zp_options_defaults(&defaults);
    zp_options_defaults(&options);
    parse((char *[]){"PATH=/bin", "zeropool_shards=4", "ZEROPOO=1", "ZEROPOOL=1",
                     "XZEROPOOL_SHARDS=4", "", "=", "ZEROPOOL_SHARDS", NULL});
    ck_assert_str_eq(text, "");
    ck_assert_mem_eq(&options, &defaults, sizeof(options));
    parse((char *[]){NULL});
    ck_assert_str_eq(text, "");
}
END_TEST

// Breaks when one bad option keeps the others from being read, or is said twice.
START_TEST(each_entry_stands_for_itself)
{
    zp_options_defaults(&options);
    parse((char *[]){"ZEROPOOL_SHARDS=3", "A=B", "ZEROPOOL_STATS=exit", "ZEROPOOL_NONSENSE=1",
                     "ZEROPOOL_MIN_SIZE=2M", NULL});
    ck_assert_str_eq(
        text, "zeropool: ZEROPOOL_SHARDS=3: expected auto or a power of two from 1 to 128; using "
              "auto\nzeropool: ZEROPOOL_NONSENSE is not an option\n");
    ck_assert_str_eq(options.stats, "exit");
    ck_assert_int_eq(options.min_size, 2 << 20);
    ck_assert_int_eq(options.shards, ZP_AUTO);
}
END_TEST

// Breaks when the table contradicts itself: a field used twice, a name without the prefix or too
// long for the search of the nearest.
START_TEST(the_table_is_consistent)
{
    size_t offset = 0;
    for (size_t i = 0; i < zp_option_count; i++) {
        const struct zp_option *option = &zp_option_table[i];
        ck_assert_int_eq(strncmp(option->name, "ZEROPOOL_", 9), 0);
        ck_assert_uint_le(strlen(option->name), 32);
        ck_assert_uint_gt(strlen(option->help), 0);
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(option->name, zp_option_table[j].name);
        ck_assert_uint_eq(option->offset, offset);
        offset += option->kind == ZP_OPTION_LIST   ? sizeof(zp_field_LIST)
                  : option->kind == ZP_OPTION_PATH ? sizeof(zp_field_PATH)
                                                   : sizeof(int64_t);
        if (option->kind != ZP_OPTION_PATH)
            ck_assert_int_eq(option->kind == ZP_OPTION_CHOICE || option->kind == ZP_OPTION_LIST ||
                                 option->kind == ZP_OPTION_NODE,
                             option->choices != NULL);
    }
    ck_assert_uint_eq(offset, sizeof(struct zp_options));
}
END_TEST

// Breaks when a file's name is cut, or one that is too long or may be a misspelt word is used.
START_TEST(a_path_is_taken_whole_or_not_at_all)
{
    char entry[2 * ZP_OPTION_PATH_MOST] = "ZEROPOOL_STATS=/";
    size_t value = strlen("ZEROPOOL_STATS="), prefix = strlen(entry);
    memset(entry + prefix, 'x', ZP_OPTION_PATH_MOST - 2);
    parse((char *[]){entry, NULL});
    ck_assert_str_eq(text, "");
    ck_assert_str_eq(options.stats, entry + value);
    memset(entry + prefix, 'x', ZP_OPTION_PATH_MOST - 1);
    static const char *const refused[] = {"", "exit ", "Exit", "on"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        zp_options_defaults(&options);
        parse((char *[]){entry, NULL});
        ck_assert_ptr_nonnull(strstr(text, "using off"));
        ck_assert_str_eq(options.stats, "");
        snprintf(entry + value, sizeof(entry) - value, "%s", refused[i]);
    }
}
END_TEST

static bool is_list_in_range(const struct zp_option *option)
{
    for (unsigned i = 0; i < ZP_SIZES_MOST; i++) {
        const struct zp_prewarm *item = &options.prewarm.sizes[i];
        if (item->count != 0 &&
            (item->size < (size_t)option->least || item->size > (size_t)option->most))
            return false;
    }
    return true;
}

static bool is_in_range(const struct zp_option *option, int64_t value)
{
    if (option->kind == ZP_OPTION_LIST)
        return is_list_in_range(option);
    if (option->kind == ZP_OPTION_PATH)
        return memchr((char *)&options + option->offset, '\0', ZP_OPTION_PATH_MOST) != NULL;
    if (value == ZP_AUTO)
        return strncmp(option->allowed, "auto", 4) == 0;
    if (option->kind == ZP_OPTION_CHOICE)
        return value >= 0 && value < 12;
    if (option->kind == ZP_OPTION_NODE && value < 0)
        return value >= ZP_NUMA_INTERLEAVE;
    return value >= option->least && value <= option->most &&
           (option->kind != ZP_OPTION_POWER_OF_TWO || zp_is_power_of_two((size_t)value));
}

// Breaks when any value at all crashes the parser or leaves a field out of its range.
START_TEST(random_values_do_no_harm)
{
    struct unit_random random = unit_random_start("options", 6);
    static const char letters[] = "0123456789KMGkmg|-+.,* autofreexi\t\x80\xff";
    for (unsigned i = 0; i < 20000 / UNIT_SLOWER; i++) {
        const struct zp_option *option =
            &zp_option_table[unit_random_below(&random, zp_option_count)];
        char entry[64];
        size_t length = (size_t)snprintf(entry, sizeof(entry), "%s=", option->name);
        for (size_t j = unit_random_below(&random, 22); j > 0; j--)
            entry[length++] = letters[unit_random_below(&random, sizeof(letters) - 1)];
        entry[length] = '\0';
        zp_options_defaults(&options);
        parse((char *[]){entry, NULL});
        for (size_t j = 0; j < zp_option_count; j++) {
            const struct zp_option *other = &zp_option_table[j];
            int64_t value;
            memcpy(&value, (char *)&options + other->offset, sizeof(value));
            MUST(is_in_range(other, value));
        }
    }
}
END_TEST

// Breaks when full checks have nothing to look at, without a word.
START_TEST(full_checks_need_what_is_freed)
{
    static const struct {
        char *entry;
        const char *said;
    } cases[] = {
        {"ZEROPOOL_ZERO=off", "ZEROPOOL_ZERO=free"},
        {"ZEROPOOL_ZERO=background", "ZEROPOOL_ZERO=free"},
        {"ZEROPOOL_DECAY_MS=0", "ZEROPOOL_DECAY_MS=10000"},
        {"ZEROPOOL_MAX_MEMORY=0", "ZEROPOOL_MAX_MEMORY=auto"},
    };
    struct zp_options defaults;
    zp_options_defaults(&defaults);
    defaults.check = ZP_CHECK_FULL;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[ZP_LINE_MAX];
        zp_options_defaults(&options);
        zp_options_parse(&options, (char *[]){cases[i].entry, "ZEROPOOL_CHECK=full", NULL});
        struct unit_output output = unit_output_begin();
        zp_options_reconcile(&options);
        unit_output_end(output, text, sizeof(text));
        snprintf(line, sizeof(line),
                 "zeropool: ZEROPOOL_CHECK=full looks at freed buffers again; using %s\n",
                 cases[i].said);
        ck_assert_str_eq(text, line);
        ck_assert_mem_eq(&options, &defaults, sizeof(options));
    }
    zp_options_defaults(&options);
    parse((char *[]){"ZEROPOOL_ZERO=off", "ZEROPOOL_DECAY_MS=0", "ZEROPOOL_MAX_MEMORY=0", NULL});
    zp_options_reconcile(&options);
    ck_assert_int_eq(options.zero, ZP_ZERO_OFF);
    ck_assert_int_eq(options.decay_ms, 0);
    ck_assert_int_eq(options.max_memory, 0);
}
END_TEST

// Breaks when an option is found by a part of its name, or by more than it.
START_TEST(an_option_is_found_by_its_whole_name)
{
    for (size_t i = 0; i < zp_option_count; i++) {
        const char *name = zp_option_table[i].name;
        char longer[64];
        snprintf(longer, sizeof(longer), "%s=1", name);
        ck_assert_ptr_eq(zp_option_find(longer, strlen(name)), &zp_option_table[i]);
        ck_assert_ptr_null(zp_option_find(longer, strlen(name) + 1));
        ck_assert_ptr_ne(zp_option_find(name, strlen(name) - 1), &zp_option_table[i]);
    }
    ck_assert_ptr_null(zp_option_find("", 0));
    ck_assert_ptr_null(zp_option_find("zeropool_shards", 15));
    ck_assert_ptr_null(zp_option_find("SHARDS", 6));
}
END_TEST

// Breaks when the command takes a value that the library refuses, or the other way round; when a
// value that is refused sets something; or when either says something.
START_TEST(a_value_is_accepted_and_set_alike)
{
    static const char *const values[] = {
        "",       "0",      "1",    "-1",       "3",
        "16",     "128",    "4G",   "64K",      "99999999999999999999",
        "auto",   "on",     "off",  "free",     "background",
        "exit",   "./file", "full", "parallel", "learn",
        "9M*24",  "json",   "USR1", " 1",       "1 ",
        "thread",
    };
    struct zp_options defaults, from_environment;
    zp_options_defaults(&defaults);
    struct unit_output output = unit_output_begin();
    for (size_t i = 0; i < zp_option_count; i++)
        for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
            const struct zp_option *option = &zp_option_table[i];
            char entry[128];
            snprintf(entry, sizeof(entry), "%s=%s", option->name, values[j]);
            options = defaults;
            bool accepted = zp_option_accepts(option, values[j]);
            ck_assert_int_eq(zp_options_set(&options, option, values[j]), accepted);
            ck_assert(accepted || memcmp(&options, &defaults, sizeof(options)) == 0);
            if (!accepted)
                continue;
            from_environment = defaults;
            zp_options_parse(&from_environment, (char *[]){entry, NULL});
            ck_assert_mem_eq(&options, &from_environment, sizeof(options));
        }
    unit_output_end(output, text, sizeof(text));
    ck_assert_str_eq(text, "");
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, the_defaults);
    tcase_add_test(tests, every_default_can_be_written);
    tcase_add_test(tests, good_values);
    tcase_add_test(tests, bad_values_are_named);
    tcase_add_test(tests, lists);
    tcase_add_test(tests, bad_lists);
    tcase_add_test(tests, unknown_names_get_the_nearest);
    tcase_add_test(tests, long_names_and_values_are_cut);
    tcase_add_test(tests, other_variables_are_left_alone);
    tcase_add_test(tests, each_entry_stands_for_itself);
    tcase_add_test(tests, the_table_is_consistent);
    tcase_add_test(tests, a_path_is_taken_whole_or_not_at_all);
    tcase_add_test(tests, random_values_do_no_harm);
    tcase_add_test(tests, an_option_is_found_by_its_whole_name);
    tcase_add_test(tests, a_value_is_accepted_and_set_alike);
    tcase_add_test(tests, full_checks_need_what_is_freed);
    return unit_run("options", tests);
}
