// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Long random sequences of operations against a model. Budgets are small and shards hold few, so
// that buffers spill, are evicted and come back all the time. ZP_TEST_SEED chooses another
// sequence.

#include "census.h"
#include "core/scrub_queue.h"

static const struct setting {
    const char *what;
    bool scrub, huge_pages, strict;
    size_t budget, thread_cache_bytes;
    unsigned thread_cache_most, shards;
    uint32_t most_per_shard;
    size_t behind; // bytes that may wait for the helper
    bool again;
    size_t quarantine; // everything is checked
    size_t mappings;   // that standalone slots may take
    bool spread;
} settings[] = {
    {"usual", true, false, false, 64 * ZP_MIB, 16 * ZP_MIB, 4, 4, 16, 0, false, 0, 0, false},
    {"huge pages", true, true, false, 64 * ZP_MIB, 16 * ZP_MIB, 4, 4, 16, 0, false, 0, 0, false},
    {"strict overcommit", true, true, true, 64 * ZP_MIB, 16 * ZP_MIB, 4, 4, 16, 0, false, 0, 0,
     false},
    {"not scrubbed", false, false, false, 64 * ZP_MIB, 16 * ZP_MIB, 4, 4, 16, 0, false, 0, 0,
     false},
    {"small budget", true, false, false, 6 * ZP_MIB, 3 * ZP_MIB, 2, 4, 16, 0, false, 0, 0, false},
    {"small budget, not scrubbed", false, false, false, 6 * ZP_MIB, 3 * ZP_MIB, 2, 4, 16, 0, false,
     0, 0, false},
    {"few per shard", true, false, false, 64 * ZP_MIB, 4 * ZP_MIB, 1, 2, 2, 0, false, 0, 0, false},
    {"no thread cache", true, false, false, 16 * ZP_MIB, 0, 0, 1, 3, 0, false, 0, 0, false},
    {"thread cache only", true, false, false, 16 * ZP_MIB, 16 * ZP_MIB, ZP_CACHE_MOST, 1, 1, 0,
     false, 0, 0, false},
    {"nothing retained", true, false, false, 0, 0, 4, 1, 4, 0, false, 0, 0, false},
    {"background", true, false, false, 64 * ZP_MIB, 16 * ZP_MIB, 4, 4, 16, ZP_GIB, false, 0, 0,
     false},
    {"background, small budget", true, false, false, 9 * ZP_MIB, 3 * ZP_MIB, 2, 4, 16, 4 * ZP_MIB,
     false, 0, 0, false},
    {"scrubbed twice", true, false, false, 64 * ZP_MIB, 0, 0, 4, 16, 0, true, 0, 0, false},
    {"checked", true, true, false, 64 * ZP_MIB, 0, 0, 4, 16, 0, false, 32 * ZP_MIB, 0, false},
    {"checked, small budget", true, false, false, 12 * ZP_MIB, 0, 0, 4, 3, 0, false, 9 * ZP_MIB, 0,
     false},
    {"few mappings", true, true, false, 64 * ZP_MIB, 16 * ZP_MIB, 4, 4, 16, 0, false, 0, 8, false},
    {"few mappings, small budget", true, false, false, 6 * ZP_MIB, 3 * ZP_MIB, 2, 4, 16, 0, false,
     0, 4, false},
    {"few mappings, not scrubbed", false, false, false, 64 * ZP_MIB, 16 * ZP_MIB, 4, 4, 16, 0,
     false, 0, 1, false},
    {"spread", true, true, false, 64 * ZP_MIB, 16 * ZP_MIB, 4, 4, 16, 0, false, 0, 0, true},
    {"spread, not scrubbed", false, false, false, 64 * ZP_MIB, 16 * ZP_MIB, 4, 4, 16, 0, false, 0,
     0, true},
    {"spread, background, small budget", true, false, false, 9 * ZP_MIB, 3 * ZP_MIB, 2, 4, 16,
     4 * ZP_MIB, false, 0, 0, true},
};

enum { SETTINGS = sizeof(settings) / sizeof(settings[0]), STEPS = 2500 };

// Breaks when any operation loses, mixes up or leaks bytes, hands a place out twice, calls dirty
// memory clean, retains more than the budget, or loses a slot.
START_TEST(random_sequences_agree_with_the_model)
{
    const struct setting *setting = &settings[_i];
    struct zp_pool_config config = unit_pool_config();
    config.arena.huge_pages = setting->huge_pages ? ZP_HUGE_FILLED : ZP_HUGE_NONE;
    config.arena.strict = setting->strict;
    config.arena.mappings = setting->mappings;
    config.arena.spread = setting->spread;
    config.budget = setting->budget;
    config.put.thread_cache_bytes = setting->thread_cache_bytes;
    config.thread_cache_most = setting->thread_cache_most;
    config.shards = setting->shards;
    config.most_per_shard = setting->most_per_shard;
    config.content.scrub = setting->scrub;
    config.content.scrub_again = setting->again;
    config.scrub_behind = setting->behind;
    if (setting->quarantine != 0)
        unit_check_fully(&config, setting->quarantine);
    unit_pool_start(&config);

    static struct model model;
    model_start(&model, &config, 24 * ZP_MIB,
                unit_random_start(setting->what, 20260 + (uint64_t)_i));
    for (unsigned i = 0; i < STEPS / UNIT_SLOWER; i++)
        model_step(&model);
    while (zp_scrub_queue_bytes() != 0)
        usleep(1000);
    zp_pool_end(); // the helper looks at slots, too
    const struct model_census *census = model_finish(&model);
    ck_assert_uint_eq(census->states[ZP_SLOT_RETIRED], 0);
    if (setting->mappings == 0) // else there may be no slot to move to
        ck_assert_uint_gt(model.moved, 0);
    model_use_every_slot(&model, census);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, random_sequences_agree_with_the_model, 0, SETTINGS);
    return unit_run("random", tests);
}
