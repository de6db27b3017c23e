"""The benchmark suite: `scripts/bench` and `scripts/docs` start it as `python3 -B bench`.

    bench [QUESTION...]      runs questions; --help says more
    bench compare OLD NEW    what got slower or faster between two runs
    bench docs [--check]     writes the documentation from bench/results
"""

import sys

from suite import compare, docs, run

COMMANDS = {"compare": compare.main, "docs": docs.main}


def main():
    command = COMMANDS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if command:
        del sys.argv[1]
    return (command or run.main)()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nbench: stopped")
