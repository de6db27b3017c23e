"""How far a run is, on stderr: one line that is written over on a terminal, else a line a
question."""

import sys
import time


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Progress:
    """`seconds` is what each question may take; what is over before that shortens the estimate."""

    def __init__(self, seconds):
        self.left = list(seconds)
        self.total = len(self.left)
        self.start = time.monotonic()
        self.name = ""
        self.finished = self.budget = 0
        self.is_terminal = sys.stderr.isatty()

    def where(self):
        """Which question, how long so far, and of about how much in all."""
        elapsed = time.monotonic() - self.start
        number = self.total - len(self.left)
        estimate = max(self.finished + sum([self.budget, *self.left]), elapsed)
        return f"[{number}/{self.total}] {clock(elapsed)} of about {clock(estimate)}  {self.name}"

    def begin(self, question):
        self.finished = time.monotonic() - self.start
        self.budget = self.left.pop(0)
        self.name = question.name
        if not self.is_terminal:
            print(f"bench: {self.where()}", file=sys.stderr, flush=True)

    def step(self, text):
        if self.is_terminal:
            place = f"{self.where()}: " if self.name else ""
            print(f"\r\x1b[K{place}{text}", end="", file=sys.stderr, flush=True)

    def clear(self):
        if self.is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
