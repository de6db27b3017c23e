# SPDX-License-Identifier: MIT OR Apache-2.0
"""Faster loading of checkpoints and other big buffers, for unchanged programs.

    zeropool run -- python3 train.py

The library has to be there when a program starts, so there is nothing to import for it. This package
says where its files are, and has buffers for programs that ask the pool themselves:

    with zeropool.buffer(64 << 20) as buffer:
        file.readinto(buffer)
"""

from pathlib import Path

__all__ = ["buffer", "command", "library"]

_folder = Path(__file__).resolve().parent


def buffer(size: int):
    """A buffer of `size` bytes from the pool. It reads as zero; with ZEROPOOL_ZERO=off it holds what was in it last.

    It offers its memory to readinto, memoryview, numpy.frombuffer and torch.frombuffer, all without a copy. It has a length,
    its bytes can be read and set, and a slice of it is a memoryview. It returns to the pool when nothing refers to it
    any more: neither a name nor a view, array or tensor of it.

    In a with block the name after `as` is a pickle.PickleBuffer of it, which offers the same memory until the block ends, and
    raises ValueError from then on; its raw() is a memoryview. The buffer then returns to the pool at the end of the block, or with
    the last view of it that is left.

    The memory is that of the library which the process was started with, or else of libzeropool.so. Raises TypeError or ValueError
    for what is no size, MemoryError if there is no memory, ImportError if there is no library.
    """
    from zeropool import _buffer  # loads ctypes, which the command needs not

    return _buffer.get(size)


def library() -> str:
    """The library, for LD_PRELOAD."""
    return str(_folder / "libzeropool_preload.so")


def command() -> str:
    """The program that `zeropool` and `python -m zeropool` start."""
    return str(_folder / "zeropool")
