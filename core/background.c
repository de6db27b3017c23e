// SPDX-License-Identifier: MIT OR Apache-2.0

#include "background.h"

#include "decay.h"
#include "prewarm.h"
#include "put.h"
#include "scrub_queue.h"
#include "thread.h"

static ZP_FROZEN struct zp_background_report report = {NULL, NULL};

void zp_background_init(struct zp_background_report chosen)
{
    report = chosen;
}

bool zp_background_reports(void)
{
    return report.due != NULL;
}

static uint32_t report_due(void)
{
    return report.due != NULL ? report.due() : ZP_NEVER;
}

uint32_t zp_background_due(void)
{
    if (zp_scrub_queue_bytes() != 0)
        return 0;
    uint32_t prewarm = zp_prewarm_due(), decay = zp_decay_due(), reports = report_due();
    uint32_t first = prewarm < decay ? prewarm : decay;
    return first < reports ? first : reports;
}

void zp_background_part(void)
{
    struct zp_thread_cache *cache = zp_thread_open_cache();
    if (zp_prewarm_due() == 0)
        zp_prewarm_part(cache);
    else if (zp_scrub_queue_bytes() != 0)
        zp_put_scrub_part(cache);
    else if (zp_decay_due() == 0)
        zp_decay_unit(cache);
    zp_thread_cache_close(cache);
}

void zp_background_aside(void)
{
    zp_decay_aside();
    if (report_due() == 0)
        report.make();
}
