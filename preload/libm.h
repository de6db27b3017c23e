// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What jemalloc's heap profiler (MALLOC_CONF=prof:true) takes from libm. With these the library is
// not linked with libm, which every short program would load, relocate and fault in for nothing.
//
// Right to 1e-14 of the result, which is far more than a sampling rate needs. Locking: none.

#ifndef ZP_PRELOAD_LIBM_H
#define ZP_PRELOAD_LIBM_H

// jemalloc's log, exp and round are renamed to these.
double zp_je_log(double x);
double zp_je_exp(double x);
double zp_je_round(double x);

#endif
