# SPDX-License-Identifier: MIT OR Apache-2.0
"""Buffers of the pool as Python objects, through ctypes.

A buffer must not return to the pool while anything refers to its memory: a memoryview, an ndarray, a tensor. These hold
a reference to the object that they got the memory from, and to nothing else of ours. So that object is the buffer
itself, a ctypes array (a class written in Python cannot offer memory before Python 3.12), and it returns the memory when it
is destroyed, by its _Owner. A memoryview in its place would not do: torch.frombuffer keeps the memoryview, but lets go
of what that is of.
"""

import ctypes
import functools
import operator
import pickle
import sys
from pathlib import Path

# The library of the process, which is preloaded or linked with; the one of the wheel; the system's.
_PLACES = (None, str(Path(__file__).resolve().parent / "libzeropool.so"), "libzeropool.so.0")


class _Byte(ctypes.Union):
    """An element of the array: one byte. The memory of unions has the format "B", of which a memoryview can do everything;
    that of a c_ubyte has "<B", of which it can do next to nothing."""

    _fields_ = (("value", ctypes.c_ubyte),)


class Buffer(ctypes.Array):
    """Memory of the pool, which reads as zero when it is new: see zeropool.buffer."""

    _type_ = _Byte
    _length_ = 0  # each length has a class of its own
    __slots__ = ("_owner", "_lent", "__weakref__")

    def __getitem__(self, key):
        """A byte; of a slice, a memoryview."""
        return memoryview(self)[key]

    def __setitem__(self, key, value):
        memoryview(self)[key] = value

    def __enter__(self):
        """What is given is the buffer for as long as the block lasts."""
        if hasattr(self, "_lent"):
            raise RuntimeError("the buffer is in a with block already")
        self._lent = pickle.PickleBuffer(self)
        return self._lent

    def __exit__(self, *_):
        self._lent.release()
        del self._lent

    def __reduce_ex__(self, _):
        raise TypeError("a buffer of the pool can be neither pickled nor copied: use bytes(buffer)")

    def __repr__(self):
        return f"<zeropool buffer of {len(self)} bytes>"


class _Owner:
    """Puts a buffer back when it is destroyed.

    The garbage collector calls __del__ of everything that it found unreachable, in any order: of this, too, before that of an
    object which still uses the memory. What it does not track it leaves alone, until what refers to it is destroyed."""

    __slots__ = ("address", "put")

    def __init__(self, address, put):
        self.address = address
        self.put = put
        ctypes.pythonapi.PyObject_GC_UnTrack(ctypes.py_object(self))

    def __del__(self):
        self.put(self.address)


@functools.lru_cache(maxsize=None)
def _functions():
    """zeropool_get and zeropool_put."""
    failures = []
    for place in _PLACES:
        try:
            library = ctypes.CDLL(place)
            get, put = library.zeropool_get, library.zeropool_put
        except (OSError, AttributeError) as error:
            failures.append(str(error))
            continue
        get.argtypes, get.restype = (ctypes.c_size_t,), ctypes.c_void_p
        put.argtypes, put.restype = (ctypes.c_void_p,), None
        return get, put
    raise ImportError(
        "zeropool.buffer needs libzeropool.so, or a program that was started by `zeropool run`: " + "; ".join(failures)
    )


@functools.lru_cache(maxsize=64)
def _class_of(length):
    return type(Buffer)("Buffer", (Buffer,), {"_length_": length, "__slots__": (), "__module__": __name__})


def get(size):
    size = operator.index(size)
    if size < 0:
        raise ValueError(f"a buffer cannot have {size} bytes")
    get_memory, put = _functions()
    # ctypes would cut off what does not fit into a size_t.
    address = get_memory(size) if size <= sys.maxsize else None
    if address is None:
        raise MemoryError(f"no memory for a buffer of {size} bytes")
    owner = _Owner(address, put)
    buffer = _class_of(size).from_address(address)
    buffer._owner = owner
    return buffer
