// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The mappings of a process as the kernel counts them: ranges of addresses, each with attributes.
// Neighbours of equal attributes are one area, as the kernel merges them.
//
// Not modelled: the kernel keeps two neighbours apart whose pages were touched while they were
// apart (their anon_vma differ).
//
// Locking: none, one thread. Fork: nothing to do.

#ifndef ZP_TESTS_SIMULATED_AREAS_H
#define ZP_TESTS_SIMULATED_AREAS_H

#include <stddef.h>
#include <stdint.h>

// Attributes of what is not mapped. Those of an area are any other number.
enum { AREA_NONE = 0 };

// Makes [from, to) an area with these attributes, whatever was there.
void areas_set(uint64_t from, uint64_t to, uint32_t attributes);

// Changes the attributes of all areas in [from, to): those in `clear` go, those in `add` come.
void areas_change(uint64_t from, uint64_t to, uint32_t clear, uint32_t add);

uint32_t areas_at(uint64_t address);

// Areas there are, and the most there ever were.
size_t areas_count(void);
size_t areas_peak(void);

#endif
