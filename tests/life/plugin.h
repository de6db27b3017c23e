// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What plugin.c offers to who opens it by name.

#ifndef ZP_TESTS_PLUGIN_H
#define ZP_TESTS_PLUGIN_H

enum { PLUGIN_BYTES = 2 << 20 };

__attribute__((visibility("default"))) void *plugin_buffer(int value);
__attribute__((visibility("default"))) void plugin_free(void *buffer);

#endif
