// SPDX-License-Identifier: MIT OR Apache-2.0

#include "config/nearest.h"
#include "support.h"

static unsigned apart(const char *a, const char *b)
{
    return zp_letters_apart(a, strlen(a), b, strlen(b));
}

// Breaks when a letter that is missing, too many or another one is not counted once.
START_TEST(letters_are_counted)
{
    static const struct {
        const char *a, *b;
        unsigned apart;
    } cases[] = {
        {"", "", 0},
        {"shards", "shards", 0},
        {"", "abc", 3},
        {"shard", "shards", 1},
        {"sharrds", "shards", 1},
        {"shirds", "shards", 1},
        {"shrads", "shards", 2},
        {"kitten", "sitting", 3},
        {"abc", "xyz", 3},
        {"run", "turn", 2},
        {"Shards", "shards", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_uint_eq(apart(cases[i].a, cases[i].b), cases[i].apart);
        ck_assert_uint_eq(apart(cases[i].b, cases[i].a), cases[i].apart);
    }
}
END_TEST

// Breaks when more than the length is read, or less: words are parts of lines.
START_TEST(only_the_length_counts)
{
    ck_assert_uint_eq(zp_letters_apart("shards=16", 6, "shards", 6), 0);
    ck_assert_uint_eq(zp_letters_apart("shards", 6, "shards_and_more", 6), 0);
    ck_assert_uint_eq(zp_letters_apart("shards", 0, "shards", 6), 6);
}
END_TEST

// Breaks when a name that is longer than the row of numbers is compared, which would write past it.
START_TEST(long_names_are_not_compared)
{
    char name[ZP_NAME_MOST + 2];
    memset(name, 'x', sizeof(name));
    ck_assert_uint_eq(zp_letters_apart(name, ZP_NAME_MOST, name, ZP_NAME_MOST), 0);
    ck_assert_uint_eq(zp_letters_apart(name, ZP_NAME_MOST + 1, "x", 1), ZP_NO_MISSPELLING);
    ck_assert_uint_eq(zp_letters_apart("x", 1, name, ZP_NAME_MOST + 1), ZP_NO_MISSPELLING);
    ck_assert_uint_eq(zp_letters_apart(name, SIZE_MAX, name, SIZE_MAX), ZP_NO_MISSPELLING);
}
END_TEST

// Breaks when the distance is none: never more than the longer name, never less than the difference
// in length, never longer by a third word than through it.
START_TEST(it_is_a_distance)
{
    static const char *const words[] = {"",    "a",      "ab",     "ba",
                                        "abc", "shards", "shreds", "max-memory"};
    enum { COUNT = sizeof(words) / sizeof(words[0]) };
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < COUNT; j++) {
            size_t a = strlen(words[i]), b = strlen(words[j]);
            unsigned between = apart(words[i], words[j]);
            ck_assert_uint_le(between, a > b ? a : b);
            ck_assert_uint_ge(between, a > b ? a - b : b - a);
            for (size_t k = 0; k < COUNT; k++)
                ck_assert_uint_le(between, apart(words[i], words[k]) + apart(words[k], words[j]));
        }
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, letters_are_counted);
    tcase_add_test(tests, only_the_length_counts);
    tcase_add_test(tests, long_names_are_not_compared);
    tcase_add_test(tests, it_is_a_distance);
    return unit_run("nearest", tests);
}
