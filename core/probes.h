// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Probes: places that a tracer (bpftrace, perf, SystemTap, gdb) finds in the library's file by
// name, with the values that are there: sdt:zeropool:get and so on.
//
// clang-format off
//     get         start of the buffer, bytes requested      a buffer is handed out
//     put         start of the buffer, usable bytes         a buffer was freed
//     miss        bytes requested, return address           nothing serves it: fresh memory
//     evict       slot's first byte, bytes                  retained memory is let go
//     scrub       first byte, bytes overwritten, dropped    a freed buffer has been made zero
//     read        address, bytes, descriptor                a large read into a buffer begins
//     corruption  pointer                                   the program has corrupted its heap
// clang-format on
//
// Always holds: a probe is a note in the file, outside of what is loaded. Not traced, it costs
// nothing: there is no instruction for it, not even the usual nop. The note says at which
// instruction the values are where the compiler has them anyhow. A tracer replaces that instruction
// by a trap and executes it elsewhere, as with any probe at an address.
//
// The notes are made by <sys/sdt.h>; where that was not there when the library was built, there are
// no probes.
//
// Locking: none. Fork: nothing to do.

#ifndef ZP_CORE_PROBES_H
#define ZP_CORE_PROBES_H

#ifdef ZP_HAVE_SDT
#include <sys/sdt.h>

#ifdef __clang__ // of the header's macros
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

#undef _SDT_NOP
#define _SDT_NOP // NOLINT(bugprone-reserved-identifier)

#define ZP_PROBE_1(name, a) DTRACE_PROBE1(zeropool, name, a)
#define ZP_PROBE_2(name, a, b) DTRACE_PROBE2(zeropool, name, a, b)
#define ZP_PROBE_3(name, a, b, c) DTRACE_PROBE3(zeropool, name, a, b, c)
#else
#define ZP_PROBE_1(name, a) ((void)(a))
#define ZP_PROBE_2(name, a, b) ((void)(a), (void)(b))
#define ZP_PROBE_3(name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif
