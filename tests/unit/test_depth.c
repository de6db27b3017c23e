// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/depth.h"
#include "support.h"

#define PART (256 * ZP_KIB)

// A device that serves so many readers at full speed, and more no faster.
static struct device {
    uint64_t number;
    unsigned readers;
    uint32_t microseconds; // a part takes one reader so long
} device;

static void start(unsigned readers)
{
    zp_os_calls.clock = unit_clock;
    zp_os_calls.stopwatch = unit_stopwatch;
    device = (struct device){.number = 7, .readers = readers, .microseconds = 4000};
}

// Reads so many parts; the readers at the end.
static unsigned read_parts(unsigned parts)
{
    struct zp_depth depth;
    zp_depth_begin(&depth, device.number);
    size_t bytes = 0;
    for (unsigned i = 0; i < parts; i++) {
        unsigned at_once = depth.readers < device.readers ? depth.readers : device.readers;
        unit_let_work_take(device.microseconds / at_once);
        bytes += PART;
        zp_depth_measure(&depth, bytes, PART);
        ck_assert_uint_ge(depth.readers, 1);
        ck_assert_uint_le(depth.readers, ZP_DEPTH_MOST);
    }
    zp_depth_end(&depth);
    return depth.readers;
}

// Breaks when a device that gains nothing by more readers is left with more, or one that does with
// fewer than it serves. Numbers are tried that are four times the one before.
START_TEST(as_many_read_as_pay)
{
    static const unsigned served[] = {1, 2, 4, 8, 16, 64};
    static const unsigned found[] = {1, 4, 4, 16, 16, 16};
    start(served[_i]);
    ck_assert_uint_eq(read_parts(200), found[_i]);
}
END_TEST

// Breaks when each of many short reads begins anew, so that none finds the right number.
START_TEST(short_reads_find_it_together)
{
    start(8);
    unsigned readers = 1;
    for (unsigned i = 0; i < 20; i++)
        readers = read_parts(8);
    ck_assert_uint_eq(readers, 16);
}
END_TEST

// Breaks when what was found of one device is taken for another's, or holds for ever.
START_TEST(what_was_found_holds_for_a_while)
{
    start(8);
    read_parts(200);
    ck_assert_uint_eq(read_parts(1), 16);
    device.number = 8;
    ck_assert_uint_eq(read_parts(1), 1);
    device.number = 7;
    read_parts(200);
    device.readers = 1;
    ck_assert_uint_eq(read_parts(200), 16); // not measured again yet
    unit_let_pass(2001);
    ck_assert_uint_eq(read_parts(200), 1);
}
END_TEST

// Breaks when a measurement is too short to tell, or when the clock wraps around in it.
START_TEST(a_measurement_takes_time)
{
    start(16);
    unit_let_work_take(UINT32_MAX - unit_stopwatch() - 1000);
    struct zp_depth depth;
    zp_depth_begin(&depth, device.number);
    unit_let_work_take(4000);
    zp_depth_measure(&depth, 100 * PART, PART);
    ck_assert_uint_eq(depth.readers, 1);
    unit_let_work_take(4000);
    zp_depth_measure(&depth, PART, PART);
    ck_assert_uint_eq(depth.readers, 1);
    zp_depth_measure(&depth, 100 * PART, PART);
    ck_assert_uint_eq(depth.readers, 4);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, as_many_read_as_pay, 0, 6);
    tcase_add_test(tests, short_reads_find_it_together);
    tcase_add_test(tests, what_was_found_holds_for_a_while);
    tcase_add_test(tests, a_measurement_takes_time);
    return unit_run("depth", tests);
}
