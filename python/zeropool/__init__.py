# SPDX-License-Identifier: MIT OR Apache-2.0
"""Faster loading of checkpoints and other big buffers, for unchanged programs.

    zeropool run -- python3 train.py

The library has to be there when a program starts, so there is nothing to import for it. This package
says where its files are.
"""

from pathlib import Path

__all__ = ["command", "library"]

_folder = Path(__file__).resolve().parent


def library() -> str:
    """The library, for LD_PRELOAD."""
    return str(_folder / "libzeropool_preload.so")


def command() -> str:
    """The program that `zeropool` and `python -m zeropool` start."""
    return str(_folder / "zeropool")
