// SPDX-License-Identifier: MIT OR Apache-2.0

//! The 160 float32 tensors of the GPT-2 124M checkpoint in the order of the file, as in
//! bench/workloads/gpt2_shapes.h.

use std::fs::File;

const LAYERS: usize = 12;
const FLOAT: usize = 4;

const EMBEDDINGS: [[usize; 2]; 2] = [[50257, 768], [1024, 768]];
const NORM: [[usize; 2]; 2] = [[1, 768], [1, 768]];
const MASK: [[usize; 2]; 1] = [[1024, 1024]];
const ATTENTION: [[usize; 2]; 4] = [[768, 2304], [1, 2304], [768, 768], [1, 768]];
const MLP: [[usize; 2]; 4] = [[768, 3072], [1, 3072], [3072, 768], [1, 768]];

/// The bytes of every tensor.
pub fn sizes() -> Vec<usize> {
    let layer = [&NORM[..], &MASK, &ATTENTION, &NORM, &MLP].concat();
    [&EMBEDDINGS[..], &layer.repeat(LAYERS), &NORM]
        .concat()
        .iter()
        .map(|[rows, columns]| rows * columns * FLOAT)
        .collect()
}

/// Opens a file that holds the tensors one after the other.
pub fn open(path: &str) -> Result<File, String> {
    let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len());

    if length == sizes().iter().sum::<usize>() as u64 {
        Ok(file)
    } else {
        Err(format!("{path}: not as long as GPT-2's tensors"))
    }
}
