// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/zeros.h"
#include "support.h"

static _Alignas(ZP_CACHE_LINE) char memory[4 * ZP_KIB];

// Breaks when a byte that is not zero is overlooked, wherever it is, by either set of instructions,
// or a zero is taken for something else.
START_TEST(every_byte_counts)
{
    if (_i == 1)
        zp_zeros_init();
    ck_assert(zp_is_zero(memory, sizeof(memory)));
    for (size_t i = 0; i < sizeof(memory); i++) {
        memory[i] = (char)(1 << i % 8);
        ck_assert(!zp_is_zero(memory, sizeof(memory)));
        memory[i] = 0;
    }
    ck_assert(zp_is_zero(memory, sizeof(memory)));
}
END_TEST

// Breaks when what lies behind the range counts.
START_TEST(nothing_else_counts)
{
    zp_zeros_init();
    memory[ZP_KIB] = 1;
    ck_assert(zp_is_zero(memory, ZP_KIB));
    ck_assert(!zp_is_zero(memory, 2 * ZP_KIB));
    memory[ZP_KIB] = 0;
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, every_byte_counts, 0, 2);
    tcase_add_test(tests, nothing_else_counts);
    return unit_run("zeros", tests);
}
