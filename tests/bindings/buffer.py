#!/usr/bin/python3
"""zeropool.buffer: memory that is copied, returned while something refers to it, never returned, or handed out with something
in it; sizes that are none.

usage: buffer.py [NAME...], with the package in PYTHONPATH
"""

import copy
import ctypes
import gc
import io
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import weakref

import zeropool

try:
    import numpy
except ImportError:
    numpy = None
try:
    import torch
except ImportError:
    torch = None

MIB = 1 << 20
SIZE = 4 * MIB

zeropool.buffer(0)  # finds the library
gc.freeze()  # what there is so far is not looked through at each collection


def library():
    """The library that zeropool.buffer uses."""
    for place in sys.modules["zeropool._buffer"]._PLACES:
        try:
            found = ctypes.CDLL(place)
            found.zeropool_owns.argtypes = (ctypes.c_void_p,)
            return found
        except (OSError, AttributeError):
            pass
    raise AssertionError("no library")


OWNS = library().zeropool_owns


def address(buffer):
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


class WithBuffer(unittest.TestCase):
    def setUp(self):
        self.buffer = zeropool.buffer(SIZE)
        self.address = address(self.buffer)
        self.assertTrue(self.is_out())

    def is_out(self):
        return OWNS(self.address) == 1

    def kept_by(self, view):
        """Whether the memory is kept by the view, alone, and is returned with it. Takes it in a list."""
        del self.buffer
        gc.collect()
        self.assertTrue(self.is_out(), "returned while a view lives")
        view.clear()
        if self.is_out():
            gc.collect()  # what refers to itself needs the collector
        self.assertFalse(self.is_out(), "not returned with the last view")


class Views(WithBuffer):
    def test_name(self):
        self.kept_by([self.buffer])

    def test_memoryview(self):
        self.kept_by([memoryview(self.buffer)])

    def test_memoryview_of_memoryview(self):
        self.kept_by([memoryview(memoryview(self.buffer)[5:9]).cast("i")])

    def test_released_memoryview(self):
        with memoryview(self.buffer) as view:
            parts = [view[MIB:]]
        self.kept_by(parts)

    def test_slice(self):
        self.kept_by([self.buffer[3:10]])

    def test_pickle_buffer(self):
        self.kept_by([pickle.PickleBuffer(self.buffer)])

    def test_iterator(self):
        self.kept_by([iter(self.buffer)])

    def test_ctypes(self):
        self.kept_by([(ctypes.c_float * 8).from_buffer(self.buffer, 64)])

    def test_ctypes_pointer(self):
        self.kept_by([ctypes.pointer(self.buffer)])

    def test_ctypes_cast(self):
        # Refers to itself from then on.
        self.kept_by([ctypes.cast(self.buffer, ctypes.POINTER(ctypes.c_float))])

    @unittest.skipIf(numpy is None, "no numpy")
    def test_numpy(self):
        for make in (
            lambda memory: numpy.frombuffer(memory, dtype="f4"),
            lambda memory: numpy.frombuffer(memory, dtype="u1", count=100, offset=50),
            lambda memory: numpy.frombuffer(memory, dtype="f4").reshape(2, -1).T[5:, 1],
            numpy.asarray,
            lambda memory: numpy.ndarray((10, 10), buffer=memory),
            lambda memory: memoryview(numpy.frombuffer(memory)),
        ):
            for memory in (lambda b: b, memoryview, pickle.PickleBuffer, lambda b: b[8:]):
                self.setUp()
                self.kept_by([make(memory(self.buffer))])

    @unittest.skipIf(torch is None, "no torch")
    def test_torch(self):
        for make in (
            lambda memory: torch.frombuffer(memory, dtype=torch.float32),
            lambda memory: torch.frombuffer(memory, dtype=torch.float32)[5:].view(torch.uint8),
            lambda memory: torch.frombuffer(memory, dtype=torch.uint8).numpy(),
        ):
            for memory in (lambda b: b, memoryview, pickle.PickleBuffer):
                self.setUp()
                self.kept_by([make(memory(self.buffer))])

    @unittest.skipIf(numpy is None or torch is None, "no numpy or torch")
    def test_torch_of_numpy(self):
        self.kept_by([torch.from_numpy(numpy.frombuffer(self.buffer, dtype="f4"))])

    def test_weak_reference_keeps_nothing(self):
        reference = weakref.ref(self.buffer)
        del self.buffer
        self.assertIsNone(reference())
        self.assertFalse(self.is_out())


class Same(WithBuffer):
    """All see the same bytes."""

    def test_memoryview(self):
        view = memoryview(self.buffer)
        self.assertEqual((view.format, view.itemsize, view.nbytes, view.readonly), ("B", 1, SIZE, False))
        view[:5] = b"hello"
        self.assertEqual(bytes(self.buffer[:6]), b"hello\0")
        self.buffer[0] = 72
        self.buffer[-1] = 33
        self.buffer[1:3] = b"EL"
        self.assertEqual((bytes(view[:5]), view[SIZE - 1], self.buffer[4]), (b"HELlo", 33, ord("o")))
        self.assertEqual(len(self.buffer), SIZE)
        with self.assertRaises(IndexError):
            self.buffer[SIZE]
        with self.assertRaises(ValueError):
            self.buffer[0] = 256

    def test_readinto(self):
        content = os.urandom(3 * MIB)
        with tempfile.TemporaryFile() as file:
            file.write(content)
            for raw in (file, file.raw):
                for memory in (self.buffer, pickle.PickleBuffer(self.buffer), self.buffer[:]):
                    self.buffer[:] = bytes(SIZE)
                    file.seek(0)
                    self.assertEqual(raw.readinto(memory), len(content))
                    self.assertEqual(bytes(self.buffer[: 3 * MIB]), content)
                    self.assertEqual(self.buffer[3 * MIB], 0)
        self.assertEqual(io.BytesIO(b"xyz").readinto(self.buffer), 3)
        self.assertEqual(bytes(self.buffer[:4]), b"xyz" + content[3:4])

    def test_socket(self):
        left, right = socket.socketpair()
        with left, right:
            left.sendall(b"message")
            self.assertEqual(right.recv_into(self.buffer, 7), 7)
            right.sendall(self.buffer[:7])
            self.assertEqual(left.recv(10), b"message")

    @unittest.skipIf(numpy is None, "no numpy")
    def test_numpy(self):
        for memory in (self.buffer, memoryview(self.buffer), pickle.PickleBuffer(self.buffer)):
            array = numpy.frombuffer(memory, dtype="i4")
            self.assertEqual((array.ctypes.data, array.nbytes), (self.address, SIZE))
            array[3] += 7
        self.assertEqual(memoryview(self.buffer).cast("i")[3], 21)
        array = numpy.asarray(self.buffer)
        self.assertEqual((array.dtype, array.shape, array.ctypes.data), ("u1", (SIZE,), self.address))

    @unittest.skipIf(torch is None, "no torch")
    def test_torch(self):
        for memory in (self.buffer, memoryview(self.buffer), pickle.PickleBuffer(self.buffer)):
            tensor = torch.frombuffer(memory, dtype=torch.int32)
            self.assertEqual((tensor.data_ptr(), tensor.numel()), (self.address, SIZE // 4))
            tensor[3] += 7
        self.assertEqual(memoryview(self.buffer).cast("i")[3], 21)


class With(unittest.TestCase):
    def test_returned_at_the_end(self):
        with zeropool.buffer(SIZE) as buffer:
            at = address(buffer)
            buffer.raw()[:3] = b"abc"
            self.assertEqual(OWNS(at), 1)
        self.assertEqual(OWNS(at), 0)
        for use in (memoryview, bytes, io.BytesIO(b"x").readinto, lambda memory: memory.raw()):
            with self.assertRaises((ValueError, TypeError)):
                use(buffer)

    def test_returned_after_an_error(self):
        with self.assertRaises(KeyError):
            with zeropool.buffer(SIZE) as buffer:
                at = address(buffer)
                raise KeyError
        self.assertEqual(OWNS(at), 0)

    def views_outlive(self, make):
        with zeropool.buffer(SIZE) as buffer:
            at = address(buffer)
            view = make(buffer)
        del buffer
        gc.collect()
        self.assertEqual(OWNS(at), 1)
        view[0] = 1
        del view
        self.assertEqual(OWNS(at), 0)

    def test_views_outlive(self):
        self.views_outlive(memoryview)
        self.views_outlive(lambda buffer: buffer.raw()[5:])
        if numpy is not None:
            self.views_outlive(lambda buffer: numpy.frombuffer(buffer, dtype="f8"))
        if torch is not None:
            self.views_outlive(lambda buffer: torch.frombuffer(buffer, dtype=torch.float32))

    def test_named_before(self):
        buffer = zeropool.buffer(SIZE)
        for _ in range(2):
            with buffer as lent:
                at = address(lent)
                with self.assertRaisesRegex(RuntimeError, "in a with block already"):
                    with buffer:
                        self.fail("entered twice")
                lent.raw()[0] = 5
        self.assertEqual((OWNS(at), buffer[0]), (1, 5))
        del buffer
        self.assertEqual(OWNS(at), 0)


class Collector(unittest.TestCase):
    """Garbage that refers to itself, whose destructors still use the memory."""

    class Ring:
        def __init__(self, buffer, seen):
            self.me, self.view, self.seen = self, memoryview(buffer), seen

        def __del__(self):
            self.view[0] += 1
            self.seen.append((self.view[0], OWNS(address(self.view))))

    def test_destructors_come_first(self):
        for early in (True, False):  # the collector goes by age
            seen = []
            if early:
                ring = self.Ring(bytearray(1), seen)
                buffer = zeropool.buffer(SIZE)
                ring.view = memoryview(buffer)
            else:
                buffer = zeropool.buffer(SIZE)
                ring = self.Ring(buffer, seen)
            at = address(buffer)
            buffer[0] = 6
            del buffer, ring
            gc.collect()
            self.assertEqual(seen, [(7, 1)])
            gc.collect()
            self.assertEqual(OWNS(at), 0)

    def test_revived(self):
        kept = []

        class Reviver:
            def __del__(self):
                kept.append(self.view)

        reviver, buffer = Reviver(), zeropool.buffer(SIZE)
        reviver.me, reviver.view = reviver, memoryview(buffer)
        at = address(buffer)
        del buffer, reviver
        gc.collect()
        self.assertEqual(OWNS(at), 1)
        kept[0][0] = 1
        kept.clear()
        gc.collect()
        self.assertEqual(OWNS(at), 0)


class Sizes(unittest.TestCase):
    def test_all_lengths(self):
        for size in (0, 1, 4095, MIB - 1, MIB, MIB + 1, 9 * MIB):
            for _ in range(3):
                buffer = zeropool.buffer(size)
                self.assertEqual(len(buffer), size)
                self.assertEqual(memoryview(buffer).nbytes, size)
                self.assertFalse(any(memoryview(buffer)[:5]) or any(memoryview(buffer)[-5:]))
                self.assertEqual(bytes(buffer).count(0), size)
                if size > 0:  # an empty array of Python 3.8 has elements without a byte
                    buffer[:] = b"\xff" * size
        self.assertEqual(repr(zeropool.buffer(5)), "<zeropool buffer of 5 bytes>")

    def test_integers_of_all_kinds(self):
        class Index:
            def __index__(self):
                return 7

        for size in [Index(), True] + ([numpy.int64(7)] if numpy else []):
            self.assertEqual(len(zeropool.buffer(size)), int(size.__index__()))

    def test_wrong(self):
        for size in (1.5, "1", None, b"1", [1]):
            with self.assertRaisesRegex(TypeError, "cannot be interpreted as an integer"):
                zeropool.buffer(size)
        for size in (-1, -(2**63), -(2**64) + 5):
            with self.assertRaisesRegex(ValueError, f"cannot have {size} bytes"):
                zeropool.buffer(size)
        for size in (2**63 - 1, 2**63, 2**64 - 1, 2**64 + 5, 2**200):
            with self.assertRaisesRegex(MemoryError, f"no memory for a buffer of {size} bytes"):
                zeropool.buffer(size)
        with self.assertRaises(TypeError):
            zeropool.buffer()

    def test_no_copy_by_pickle(self):
        buffer = zeropool.buffer(MIB)
        for action in (pickle.dumps, copy.copy, copy.deepcopy):
            with self.assertRaisesRegex(TypeError, "neither pickled nor copied"):
                action(buffer)
        parts = []
        data = pickle.dumps(pickle.PickleBuffer(buffer), protocol=5, buffer_callback=parts.append)
        self.assertEqual(address(pickle.loads(data, buffers=parts)), address(buffer))

    def test_length_is_fixed(self):
        with self.assertRaises(ValueError):
            ctypes.resize(zeropool.buffer(MIB), 2 * MIB)


class Processes(unittest.TestCase):
    def test_threads(self):
        wrong = []

        def work(number):
            for _ in range(20):
                buffer = zeropool.buffer(MIB + number)
                if any(buffer[:9]) or any(buffer[-9:]):
                    wrong.append(number)
                buffer[:9] = bytes([number]) * 9
                buffer[-9:] = bytes([number]) * 9

        threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_fork(self):
        buffer = zeropool.buffer(MIB)
        buffer[0] = 3
        at = address(buffer)
        child = os.fork()
        if child == 0:
            right = buffer[0] == 3 and OWNS(at) == 1
            buffer[0] = 4
            del buffer
            os._exit(0 if right and OWNS(at) == 0 and zeropool.buffer(MIB)[0] == 0 else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertEqual((buffer[0], OWNS(at)), (3, 1))

    def ends_well(self, program):
        done = subprocess.run([sys.executable, "-B", "-c", program], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_exit_with_buffers(self):
        self.ends_well(
            "import atexit, sys, threading, zeropool\n"
            "keep = zeropool.buffer(4 << 20)\n"
            "sys.modules['zeropool'].other = memoryview(zeropool.buffer(4 << 20))\n"
            "ring = [zeropool.buffer(4 << 20)]; ring.append(ring)\n"
            "atexit.register(lambda: keep.__setitem__(0, 1))\n"
            "started = threading.Event()\n"
            "def work():\n"
            "    buffer = zeropool.buffer(4 << 20)\n"
            "    started.set()\n"
            "    while True: buffer[0] = 1\n"
            "threading.Thread(target=work, daemon=True).start()\n"
            "started.wait()\n"
        )

    def test_exit_within_with(self):
        self.ends_well("import sys, zeropool\nwith zeropool.buffer(4 << 20): sys.exit(0)")


if __name__ == "__main__":
    unittest.main()
