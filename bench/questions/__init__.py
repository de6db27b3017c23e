"""All questions of the benchmark suite, in the order in which they are asked."""

from . import (
    batch,
    loaders,
    loads,
    memory,
    paths,
    patterns,
    programs,
    proportion,
    reads,
    scale,
    threads,
)

QUESTIONS = [
    *loads.QUESTIONS,
    *loaders.QUESTIONS,
    *reads.QUESTIONS,
    *paths.QUESTIONS,
    *proportion.QUESTIONS,
    *patterns.QUESTIONS,
    *threads.QUESTIONS,
    *batch.QUESTIONS,
    *scale.QUESTIONS,
    *memory.QUESTIONS,
    *programs.QUESTIONS,
]
