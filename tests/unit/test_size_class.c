// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/size_class.h"
#include "support.h"

// Breaks when the list of classes is not what the header says, or has another length.
START_TEST(the_classes_are_four_per_doubling)
{
    static const size_t first[] = {64, 80, 96, 112, 128, 160, 192, 224, 256, 320};
    for (unsigned c = 0; c < sizeof(first) / sizeof(first[0]); c++)
        ck_assert_uint_eq(zp_class_size(c), first[c] * ZP_KIB);
    for (unsigned c = 4; c < ZP_CLASS_COUNT; c++)
        ck_assert_uint_eq(zp_class_size(c), 2 * zp_class_size(c - 4));
    ck_assert_uint_eq(zp_class_size(ZP_CLASS_COUNT - 1), ZP_CLASS_MAX);
}
END_TEST

// Breaks when a size at the edge of a class falls into another one: a buffer would be too small.
START_TEST(the_edges_of_a_class)
{
    for (unsigned c = 0; c < ZP_CLASS_COUNT; c++) {
        size_t size = zp_class_size(c);
        ck_assert_uint_eq(zp_class_of(size), c);
        ck_assert_uint_eq(zp_class_of(size - 1), c);
        if (c + 1 < ZP_CLASS_COUNT)
            ck_assert_uint_eq(zp_class_of(size + 1), c + 1);
    }
}
END_TEST

// Breaks when a class does not hold a size it is given for, or is not the smallest that does.
START_TEST(a_class_is_the_smallest_that_holds_a_size)
{
    struct unit_random random = unit_random_start("size classes", 5);
    for (unsigned i = 0; i < 200000; i++) {
        size_t size =
            1 + unit_random_below(&random, ZP_CLASS_MAX >> unit_random_below(&random, 22));
        unsigned c = zp_class_of(size);
        MUST(c < ZP_CLASS_COUNT);
        MUST(zp_class_size(c) >= size);
        MUST(c == 0 || zp_class_size(c - 1) < size);
        if (size > ZP_CLASS_MIN)
            MUST(zp_class_size(c) - size <= size / 4);
    }
}
END_TEST

// Breaks when the smallest sizes leave the list.
START_TEST(tiny_sizes_are_of_the_first_class)
{
    ck_assert_uint_eq(zp_class_of(0), 0);
    ck_assert_uint_eq(zp_class_of(1), 0);
    ck_assert_uint_eq(zp_class_of(ZP_CLASS_MIN), 0);
    ck_assert_uint_eq(zp_class_of(ZP_CLASS_MAX), ZP_CLASS_COUNT - 1);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, the_classes_are_four_per_doubling);
    tcase_add_test(tests, the_edges_of_a_class);
    tcase_add_test(tests, a_class_is_the_smallest_that_holds_a_size);
    tcase_add_test(tests, tiny_sizes_are_of_the_first_class);
    return unit_run("size_class", tests);
}
