"""What Python and numpy read of large files, in every way they have: printed as digests.

usage: languages.py FILE OTHER_FILE
"""

import hashlib
import io
import mmap
import sys

import numpy as np

MIB = 1 << 20


def tell(name, value):
    print(name, hashlib.md5(value).hexdigest(), len(memoryview(value).cast("B")))


def raw(path):
    return open(path, "rb", buffering=0)


def main(path, other):
    with raw(path) as file:
        tell("readall", file.read())
        tell("readall at the end", file.read())
        file.seek(12345)
        tell("read of some", file.read(7 * MIB + 1))
        tell("read of the rest", file.readall())
    with open(path, "rb") as file:
        tell("first", file.read(10))
        tell("buffered", file.read(9 * MIB))
        tell("line", file.readline()[:0])
        file.seek(3)
        tell("buffered rest", file.read())
    buffer = bytearray(20 * MIB)
    with raw(path) as file:
        count = file.readinto(buffer)
        tell("readinto", buffer[:count])
        file.seek(1)
        view = memoryview(buffer)[33:]
        count = file.readinto(view[: 5 * MIB])
        tell("readinto of a part", view[:count])
    array = np.fromfile(path, dtype=np.uint8)
    tell("fromfile", array)
    tell("fromfile of some", np.fromfile(path, dtype=np.float32, count=2 * MIB, offset=4096))
    with open(path, "rb") as file:
        file.read(100)
        tell("fromfile of a file", np.fromfile(file, dtype=np.uint16, count=3 * MIB))
        print("position", file.tell())
        tell("and then", file.read(5 * MIB))
    np.save(other, array)
    tell("load", np.load(other))
    shape = np.lib.format.open_memmap(other, mode="r")
    tell("memmap", np.array(shape))
    with open(other, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        tell("mmap", bytes(mapped))
    tell("BufferedReader", io.BufferedReader(raw(path), 4 * MIB).read(11 * MIB))


main(*sys.argv[1:])
