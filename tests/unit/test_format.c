// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reports: tests/preload/stats_formats.sh has their syntax checked by others.

#include "stats/format.h"
#include "stats/table.h"
#include "support.h"

#include <fcntl.h>

static struct zp_pool_stats stats;
static char text[256 * 1024];

static struct zp_about about_of(const char *program)
{
    return (struct zp_about){4711, program, "1.2.3", 1000, "running", &stats};
}

// What a report comes to.
static void take(void (*write_to)(struct zp_sink *sink, const void *argument), const void *argument)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    struct zp_sink sink;
    zp_sink_begin(&sink, fileno(file));
    write_to(&sink, argument);
    ck_assert_int_eq(zp_sink_end(&sink), 0);
    ssize_t length = pread(fileno(file), text, sizeof(text) - 1, 0);
    ck_assert_int_gt(length, 0);
    text[length] = '\0';
    fclose(file);
}

static void write_json(struct zp_sink *sink, const void *program)
{
    struct zp_about about = about_of(program);
    zp_format_json(sink, &about);
}

static void write_prometheus(struct zp_sink *sink, const void *program)
{
    struct zp_about about[] = {about_of(program), about_of("other")};
    zp_format_prometheus(sink, about, 2);
}

static void write_details(struct zp_sink *sink, const void *program)
{
    (void)program;
    zp_format_details(sink, &stats);
}

static unsigned count(const char *part)
{
    unsigned times = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        times++;
    return times;
}

// Every value is another number, and every class is used.
static void fill(void)
{
    uint64_t *words = (uint64_t *)(void *)&stats;
    for (size_t i = 0; i < sizeof(stats) / sizeof(uint64_t); i++)
        words[i] = 1000000 + i;
}

// Breaks when a value of the list is in no report, twice in one, or another's number.
START_TEST(every_value_is_in_every_report)
{
    fill();
    take(write_json, "app");
    for (size_t i = 0; i < zp_stat_count; i++) {
        const struct zp_stat *stat = &zp_stat_table[i];
        char line[128];
        if (stat->kind != ZP_STAT_VALUE)
            continue;
        snprintf(line, sizeof(line), "\n    \"%s\": %llu", stat->name,
                 (unsigned long long)zp_stat_value(stat, &stats));
        ck_assert_uint_eq(count(line), 1);
    }
    ck_assert_uint_eq(count("\"asked_bytes\""), ZP_CLASS_COUNT);
    take(write_prometheus, "app");
    const struct zp_stat *family = NULL;
    for (size_t i = 0; i < zp_stat_count; i++) {
        const struct zp_stat *stat = &zp_stat_table[i];
        char line[256];
        if (stat->kind == ZP_STAT_FAMILY) {
            family = stat;
            snprintf(line, sizeof(line), "# TYPE zeropool_%s ", stat->name);
            ck_assert_uint_eq(count(line), 1);
        } else if (stat->kind == ZP_STAT_VALUE && family->unit != ZP_STAT_MICROSECONDS) {
            snprintf(line, sizeof(line), "\nzeropool_%s{pid=\"4711\",program=\"app\"%s%s} %llu\n",
                     family->name, stat->labels[0] != '\0' ? "," : "", stat->labels,
                     (unsigned long long)zp_stat_value(stat, &stats));
            ck_assert_uint_eq(count(line), 1);
        }
    }
    ck_assert_uint_eq(count("\nzeropool_scrub_seconds_total{pid=\"4711\",program=\"app\"} 1.0000"),
                      1);
    ck_assert_uint_eq(count("program=\"other\",class=\"65536\",state=\"live\"} "), 1);
    take(write_details, NULL);
    for (unsigned i = 0; i < ZP_CLASS_COUNT; i++)
        ck_assert_uint_ge(count("\n    "), ZP_CLASS_COUNT);
}
END_TEST

// Breaks when a metric has two meanings for Prometheus, or a name that its rules do not allow.
START_TEST(the_table_follows_the_rules)
{
    for (size_t i = 0; i < zp_stat_count; i++) {
        const struct zp_stat *stat = &zp_stat_table[i];
        ck_assert_uint_gt(strlen(stat->help), 0);
        ck_assert_uint_eq(strspn(stat->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(stat->name));
        if (stat->kind != ZP_STAT_FAMILY)
            continue;
        const char *end = strstr(stat->name, "_total");
        ck_assert_int_eq(end != NULL && end[6] == '\0', stat->type == ZP_STAT_COUNTER);
        ck_assert_int_eq(strstr(stat->name, "_bytes") != NULL, stat->unit == ZP_STAT_BYTES);
        ck_assert_int_eq(strstr(stat->name, "_seconds") != NULL,
                         stat->unit == ZP_STAT_MICROSECONDS);
        ck_assert(i + 1 < zp_stat_count && stat[1].kind != ZP_STAT_FAMILY);
        for (size_t j = 0; j < i; j++)
            ck_assert(zp_stat_table[j].kind != ZP_STAT_FAMILY ||
                      strcmp(zp_stat_table[j].name, stat->name) != 0);
    }
}
END_TEST

// Breaks when a program's name can end a string, or make a report that is no UTF-8.
START_TEST(names_are_quoted)
{
    static const char *const names[][2] = {
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"a\nb\tc\x7f", "\"a?b?c?\""},
        {"gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\""},
        {"\xff\xc3", "\"??\""},
        {"\xed\xa0\x80", "\"???\""},
        {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
        {"\xe2\x82", "\"??\""},
        {"", "\"\""},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char wanted[64];
        take(write_json, names[i][0]);
        snprintf(wanted, sizeof(wanted), "\"program\": %s,", names[i][1]);
        ck_assert_uint_eq(count(wanted), 1);
        take(write_prometheus, names[i][0]);
        snprintf(wanted, sizeof(wanted), "program=%s,version=", names[i][1]);
        ck_assert_uint_eq(count(wanted), 1);
    }
}
END_TEST

// Breaks when what cannot be written is not noticed, or is tried for ever.
START_TEST(a_failed_write_is_told)
{
    struct zp_sink sink;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    fill();
    zp_sink_begin(&sink, fd);
    write_prometheus(&sink, "app");
    ck_assert_int_eq(zp_sink_end(&sink), -ENOSPC);
    zp_sink_begin(&sink, -1);
    write_json(&sink, "app");
    ck_assert_int_eq(zp_sink_end(&sink), -EBADF);
    close(fd);
}
END_TEST

// Breaks when a rate is wrong, or nothing is divided by nothing.
START_TEST(rates)
{
    struct zp_hit_rate rate[ZP_HIT_RATES];
    struct zp_counters counters = {.thread_hits = 60, .shard_hits = 30, .fresh = 10, .refused = 5};
    zp_hit_rates(&counters, rate);
    static const unsigned wanted[ZP_HIT_RATES] = {900, 600, 750};
    for (unsigned i = 0; i < ZP_HIT_RATES; i++)
        ck_assert_uint_eq(zp_thousandths(rate[i].part, rate[i].whole), wanted[i]);
    ck_assert_uint_eq(zp_thousandths(0, 0), 0);
    ck_assert_uint_eq(zp_thousandths(UINT64_MAX, 3), UINT64_MAX);
    ck_assert_uint_eq(zp_thousandths(UINT64_MAX, UINT64_MAX), 1000);
    ck_assert_uint_eq(zp_thousandths(UINT64_MAX / 2, UINT64_MAX), 500);
}
END_TEST

// Breaks when a number for people has the wrong unit.
START_TEST(numbers_for_people)
{
    ck_assert_str_eq(zp_bytes_text(1023).is, "1023.0 B");
    ck_assert_str_eq(zp_bytes_text(3 * ZP_MIB / 2).is, "1.5 MiB");
    ck_assert_str_eq(zp_time_text(999).is, "0.9 ms");
    ck_assert_str_eq(zp_time_text(1500000).is, "1.5 s");
    ck_assert_str_eq(zp_percent_text(1, 8).is, "12.5 %");
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, every_value_is_in_every_report);
    tcase_add_test(tests, the_table_follows_the_rules);
    tcase_add_test(tests, names_are_quoted);
    tcase_add_test(tests, a_failed_write_is_told);
    tcase_add_test(tests, rates);
    tcase_add_test(tests, numbers_for_people);
    return unit_run("format", tests);
}
