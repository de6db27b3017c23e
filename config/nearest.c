// SPDX-License-Identifier: MIT OR Apache-2.0

#include "nearest.h"

unsigned zp_letters_apart(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned row[ZP_NAME_MOST + 1];
    if (a_length > ZP_NAME_MOST || b_length > ZP_NAME_MOST)
        return ZP_NO_MISSPELLING;
    for (unsigned j = 0; j <= b_length; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b_length; j++) {
            unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);
            unsigned other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replaced < other ? replaced : other;
        }
    }
    return row[b_length];
}
