"""All questions of the benchmark suite, in the order in which they are asked."""

from . import loads, memory, paths, patterns, programs, threads

QUESTIONS = [
    *loads.QUESTIONS,
    *paths.QUESTIONS,
    *patterns.QUESTIONS,
    *threads.QUESTIONS,
    *memory.QUESTIONS,
    *programs.QUESTIONS,
]
