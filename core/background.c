// SPDX-License-Identifier: MIT OR Apache-2.0

#include "background.h"

#include "decay.h"
#include "prewarm.h"
#include "put.h"
#include "scrub_queue.h"
#include "thread.h"

uint32_t zp_background_due(void)
{
    if (zp_scrub_queue_bytes() != 0)
        return 0;
    uint32_t prewarm = zp_prewarm_due(), decay = zp_decay_due();
    return prewarm < decay ? prewarm : decay;
}

void zp_background_part(void)
{
    struct zp_thread_cache *cache = zp_thread_open_cache();
    if (zp_prewarm_due() == 0)
        zp_prewarm_part(cache);
    else if (zp_scrub_queue_bytes() != 0)
        zp_put_scrub_part(cache);
    else
        zp_decay_unit(cache);
    zp_thread_cache_close(cache);
}

void zp_background_aside(void)
{
    zp_decay_aside();
}
