# SPDX-License-Identifier: MIT OR Apache-2.0
"""Becomes the program `zeropool`, which is in this package."""

import os
import sys

from zeropool import command


def main() -> None:
    os.execv(command(), ["zeropool", *sys.argv[1:]])


if __name__ == "__main__":
    main()
