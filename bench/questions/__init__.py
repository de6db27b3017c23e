"""All questions of the benchmark suite, in the order in which they are asked."""

from . import loads, memory, paths, patterns, programs, proportion, reads, threads

QUESTIONS = [
    *loads.QUESTIONS,
    *reads.QUESTIONS,
    *paths.QUESTIONS,
    *proportion.QUESTIONS,
    *patterns.QUESTIONS,
    *threads.QUESTIONS,
    *memory.QUESTIONS,
    *programs.QUESTIONS,
]
