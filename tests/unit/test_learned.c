// SPDX-License-Identifier: MIT OR Apache-2.0

#include "config/learned.h"
#include "support.h"

static const char head[] =
    "program /usr/bin/python3.11\nscript /home/me/load.py\nversion 1 2 3 4\n";

static char text[ZP_LEARNED_MOST];
static size_t length;
static struct zp_prewarm list[ZP_PREWARM_MOST], found[ZP_PREWARM_MOST];

static void write_list(unsigned count)
{
    length = zp_learned_write(text, head, list, count);
    ck_assert_uint_le(length, sizeof(text));
}

static unsigned read_for(const char *whose)
{
    return zp_learned_read(text, length, whose, found);
}

static void fill(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        list[i] = (struct zp_prewarm){ZP_GIB + i, i % 3 + 1};
}

// Replaces a part of the list and makes the hash fit again: what a person might write.
static void write_sizes(const char *sizes)
{
    length = (size_t)sprintf(text, "zeropool learned 1\n%ssizes %s", head, sizes);
    char *end = text + length;
    uint64_t hash = zp_learned_hash(text, length);
    strcpy(end, "\nend ");
    end = zp_learned_hex(end + strlen(end), hash);
    *end++ = '\n';
    length = (size_t)(end - text);
}

// Breaks when a list is not read as it was written.
START_TEST(a_list_is_read_as_it_was_written)
{
    static const unsigned counts[] = {1, 2, 7, 1000};
    for (unsigned i = 0; i < 4; i++) {
        fill(counts[i]);
        write_list(counts[i]);
        ck_assert_uint_eq(read_for(head), counts[i]);
        ck_assert_mem_eq(list, found, counts[i] * sizeof(list[0]));
    }
    text[length] = '\0';
    fill(3);
    write_list(3);
    text[length] = '\0';
    ck_assert_ptr_nonnull(strstr(text, "\nsizes 1073741824,1073741825*2,1073741826*3\nend "));
}
END_TEST

// Breaks when a list that is too long for a file overruns it, or is not cut between two entries.
START_TEST(a_long_list_is_cut)
{
    for (unsigned i = 0; i < ZP_PREWARM_MOST; i++)
        list[i] = (struct zp_prewarm){ZP_CLASS_MAX - i, UINT32_MAX};
    write_list(ZP_PREWARM_MOST);
    unsigned count = read_for(head);
    ck_assert_uint_gt(count, 2000);
    ck_assert_uint_lt(count, ZP_PREWARM_MOST);
    ck_assert_mem_eq(list, found, count * sizeof(list[0]));
}
END_TEST

// Breaks when a file is taken of which a byte is missing, too many or another one.
START_TEST(a_torn_text_is_none)
{
    fill(5);
    write_list(5);
    size_t whole = length;
    for (length = 0; length < whole; length++)
        ck_assert_uint_eq(read_for(head), 0);
    text[whole] = '\n';
    length = whole + 1;
    ck_assert_uint_eq(read_for(head), 0);
    length = whole;
    for (size_t i = 0; i < whole; i++) {
        text[i] ^= 1;
        ck_assert_uint_eq(read_for(head), 0);
        text[i] ^= 1;
    }
    ck_assert_uint_eq(read_for(head), 5);
}
END_TEST

// Breaks when the list of another program, or of another version of it, is taken.
START_TEST(a_text_of_another_head_is_none)
{
    static const char *const others[] = {
        "",
        "program /usr/bin/python3.11\n",
        "program /usr/bin/python3.11\nscript /home/me/load.py\nversion 1 2 3 5\n",
        "program /usr/bin/python3.11\nscript /home/me/load.py\nversion 1 2 3 4\nsizes 1\n",
    };
    fill(5);
    write_list(5);
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_uint_eq(read_for(others[i]), 0);
}
END_TEST

// Breaks when a number that a list cannot have is taken from a text that is whole.
START_TEST(a_list_out_of_range_is_none)
{
    static const char *const bad[] = {
        "",     "0",    "1,", ",1",   "1*",          "1*0",          "01",
        "1**2", "1 ,2", "-1", "1,,2", "68719476737", "1*4294967296", "18446744073709551617",
        "1\n2"};
    write_sizes("1,68719476736*4294967295");
    ck_assert_uint_eq(read_for(head), 2);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_sizes(bad[i]);
        ck_assert_uint_eq(read_for(head), 0);
    }
}
END_TEST

// Breaks when more entries are written to the list than it has.
START_TEST(a_list_of_too_many_is_none)
{
    static char sizes[3 * ZP_PREWARM_MOST];
    for (unsigned i = 0; i < ZP_PREWARM_MOST; i++)
        strcpy(sizes + (size_t)2 * i, "1,");
    sizes[2 * ZP_PREWARM_MOST - 1] = '\0';
    write_sizes(sizes);
    ck_assert_uint_eq(read_for(head), ZP_PREWARM_MOST);
    strcat(sizes, ",1");
    write_sizes(sizes);
    ck_assert_uint_eq(read_for(head), 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, a_list_is_read_as_it_was_written);
    tcase_add_test(tests, a_long_list_is_cut);
    tcase_add_test(tests, a_torn_text_is_none);
    tcase_add_test(tests, a_text_of_another_head_is_none);
    tcase_add_test(tests, a_list_out_of_range_is_none);
    tcase_add_test(tests, a_list_of_too_many_is_none);
    return unit_run("learned", tests);
}
