// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The library's logarithm, exponential and rounding against libm's.

#include "preload/libm.h"
#include "support.h"

#include <math.h>

static void expect_near(double found, double wanted)
{
    if (isnan(wanted))
        ck_assert(isnan(found));
    else if (isinf(wanted) || wanted == 0)
        ck_assert(found == wanted);
    else
        ck_assert_msg(fabs(found / wanted - 1) < 1e-14, "%.17g instead of %.17g", found, wanted);
}

// Breaks when the profiler of jemalloc samples at another rate than it is told to.
START_TEST(logarithm)
{
    static const double odd[] = {0, 1, 2, 0.5, -1, 5e-324, 1.7976931348623157e308, INFINITY, NAN};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        expect_near(zp_je_log(odd[i]), log(odd[i]));
    for (int lg = 0; lg < 63; lg++) // what the profiler asks: of 1 in 2^lg bytes
        expect_near(zp_je_log(1.0 - 1.0 / (double)((uint64_t)1 << lg)),
                    log(1.0 - 1.0 / (double)((uint64_t)1 << lg)));
    for (double x = 1e-300; x < 1e300; x *= 1.37)
        expect_near(zp_je_log(x), log(x));
    for (double x = 0.001; x < 3; x += 0.00037)
        expect_near(zp_je_log(x), log(x));
}
END_TEST

// Breaks when what the profiler reports is scaled wrongly.
START_TEST(exponential)
{
    static const double odd[] = {0, 1, -1, 1000, -1000, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        expect_near(zp_je_exp(odd[i]), exp(odd[i]));
    for (double x = -700; x < 709; x += 0.0317)
        expect_near(zp_je_exp(x), exp(x));
    for (double x = 1; x > 1e-300; x /= 1.7)
        expect_near(zp_je_exp(-x), exp(-x));
}
END_TEST

// Breaks when a half is not rounded away from zero, or a large number is cut.
START_TEST(rounding)
{
    static const double odd[] = {0,        0.5,  -0.5, 1.5,  -1.5,   0.49999999999999994,
                                 -2.5,     1e15, 1e16, 1e19, 4.5e15, -4.5e15,
                                 INFINITY, NAN};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        expect_near(zp_je_round(odd[i]), round(odd[i]));
    ck_assert(signbit(zp_je_round(-0.2)));
    for (double x = -100; x < 100; x += 0.125)
        expect_near(zp_je_round(x), round(x));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, logarithm);
    tcase_add_test(tests, exponential);
    tcase_add_test(tests, rounding);
    return unit_run("libm", tests);
}
