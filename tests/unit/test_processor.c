// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/processor.h"
#include "support.h"

#ifdef __x86_64__

// Breaks when a library that runs with an older glibc uses instructions that are not there, or none
// of those that are: what the processor says itself has to be what glibc has found.
START_TEST(both_answers_agree)
{
    ck_assert(__x86_get_cpuid_feature_leaf != NULL);
    ck_assert(zp_processor_answers(ZP_FEATURE_AVX) == zp_processor_has(ZP_FEATURE_AVX));
    ck_assert(zp_processor_answers(ZP_FEATURE_AVX2) == zp_processor_has(ZP_FEATURE_AVX2));
}
END_TEST

// Breaks when the bit of another feature is looked at.
START_TEST(as_the_compiler_says)
{
    ck_assert(zp_processor_has(ZP_FEATURE_AVX) == (__builtin_cpu_supports("avx") != 0));
    ck_assert(zp_processor_has(ZP_FEATURE_AVX2) == (__builtin_cpu_supports("avx2") != 0));
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_test(tests, both_answers_agree);
    tcase_add_test(tests, as_the_compiler_says);
    return unit_run("processor", tests);
}

#else

int main(void)
{
    puts("skipped: nothing is asked of this processor");
    return 77;
}

#endif
