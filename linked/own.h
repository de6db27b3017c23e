// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The functions of interface/zeropool.c under names of their own, so that zeropool.h's can pass
// calls on (forward.c). Included before everything else when that file is compiled for here.

#ifndef ZP_LINKED_OWN_H
#define ZP_LINKED_OWN_H

#define zeropool_version zp_own_version
#define zeropool_get zp_own_get
#define zeropool_get_aligned zp_own_get_aligned
#define zeropool_try_get zp_own_try_get
#define zeropool_put zp_own_put
#define zeropool_get_batch zp_own_get_batch
#define zeropool_put_batch zp_own_put_batch
#define zeropool_prewarm zp_own_prewarm
#define zeropool_trim zp_own_trim
#define zeropool_stats_get zp_own_stats_get
#define zeropool_hit_rate zp_own_hit_rate
#define zeropool_owns zp_own_owns
#define zeropool_detach zp_own_detach
#define zeropool_freeze zp_own_freeze
#define zeropool_retain zp_own_retain
#define zeropool_release zp_own_release
#define zeropool_numa_node zp_own_numa_node

#define zeropool_get_zeroed zp_own_get_zeroed
#define zeropool_options_get zp_own_options_get
#define zeropool_pool_create zp_own_pool_create
#define zeropool_pool_destroy zp_own_pool_destroy
#define zeropool_pool_get zp_own_pool_get
#define zeropool_pool_get_aligned zp_own_pool_get_aligned
#define zeropool_pool_try_get zp_own_pool_try_get
#define zeropool_pool_get_batch zp_own_pool_get_batch
#define zeropool_pool_prewarm zp_own_pool_prewarm
#define zeropool_pool_trim zp_own_pool_trim
#define zeropool_pool_stats_get zp_own_pool_stats_get
#define zeropool_pool_hit_rate zp_own_pool_hit_rate

#endif
