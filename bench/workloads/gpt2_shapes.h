// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The 160 float32 tensors of the GPT-2 124M checkpoint, in the order of the file: two embeddings,
// twelve layers of thirteen tensors, the last norm. 548 MB, of which 512 MB are in tensors of 1 MiB
// and more. gpt2.py has the same list; the suite sizes the loader's file by that one, and the
// loader refuses a file of another size.

#ifndef ZP_BENCH_GPT2_SHAPES_H
#define ZP_BENCH_GPT2_SHAPES_H

#include <stddef.h>

#define GPT2_LAYERS 12
#define GPT2_TENSORS 160

struct gpt2_shape {
    size_t rows, columns;
};

static const struct gpt2_shape gpt2_embeddings[] = {{50257, 768}, {1024, 768}};

static const struct gpt2_shape gpt2_layer[] = {
    {1, 768},     {1, 768},  // ln_1
    {1024, 1024},            // attn.bias, the causal mask
    {768, 2304},  {1, 2304}, // attn.c_attn
    {768, 768},   {1, 768},  // attn.c_proj
    {1, 768},     {1, 768},  // ln_2
    {768, 3072},  {1, 3072}, // mlp.c_fc
    {3072, 768},  {1, 768},  // mlp.c_proj
};

static const struct gpt2_shape gpt2_last_norm[] = {{1, 768}, {1, 768}};

// Appends the bytes of `count` shapes at `bytes`; gives back where the next ones go.
static inline size_t *gpt2_append(size_t *bytes, const struct gpt2_shape *shapes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *bytes++ = shapes[i].rows * shapes[i].columns * sizeof(float);
    return bytes;
}

// Fills `bytes` with the size of every tensor.
static inline void gpt2_sizes(size_t bytes[GPT2_TENSORS])
{
    bytes = gpt2_append(bytes, gpt2_embeddings, 2);
    for (int layer = 0; layer < GPT2_LAYERS; layer++)
        bytes = gpt2_append(bytes, gpt2_layer, sizeof(gpt2_layer) / sizeof(gpt2_layer[0]));
    gpt2_append(bytes, gpt2_last_norm, 2);
}

#endif
