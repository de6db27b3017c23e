// SPDX-License-Identifier: MIT OR Apache-2.0

#include "libm.h"

#include <math.h>
#include <stdint.h>

// The logarithm of 2 in two parts: a whole number below 2^11 times the first is exact.
static const double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;

// ln m = 2 artanh((m - 1) / (m + 1)): for m from sqrt(1/2) to sqrt(2) each term is less than a
// thirtieth of the one before. frexp and ldexp are libc's.
double zp_je_log(double x)
{
    if (isnan(x) || x < 0)
        return NAN;
    if (x == 0 || isinf(x))
        return x == 0 ? -INFINITY : x;
    int exponent;
    double m = frexp(x, &exponent);
    if (m < M_SQRT1_2) {
        m *= 2;
        exponent--;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int odd = 23; odd >= 3; odd -= 2)
        sum = (sum + 1.0 / odd) * square;
    return exponent * ln2_high + (2 * s + (2 * s * sum + exponent * ln2_low));
}

// e^x = 2^n e^r, with r at most half the logarithm of 2: fourteen terms of its series.
double zp_je_exp(double x)
{
    if (isnan(x) || x > 710)
        return x > 710 ? INFINITY : x;
    if (x < -746)
        return 0;
    double n = zp_je_round(x / M_LN2), r = (x - n * ln2_high) - n * ln2_low, sum = 1;
    for (int term = 14; term >= 1; term--)
        sum = 1 + sum * r / term;
    return ldexp(sum, (int)n);
}

// Halves away from zero.
double zp_je_round(double x)
{
    const double whole = 0x1p52; // from here on every double is a whole number
    if (!(fabs(x) < whole))
        return x;
    double part = x - (double)(int64_t)x;
    double nearest = (double)(int64_t)x + (part >= 0.5) - (part <= -0.5);
    return copysign(nearest, x);
}
