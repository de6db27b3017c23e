#!/usr/bin/python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes malloc and free as assembly that goes on into jemalloc's code instead of jumping there.

    entries.py ARCHIVE OUTPUT      OUTPUT is the assembly, for x86-64
    entries.py --check ARCHIVE     says yes if that can be written, else why not

What is asked first, whether a request or a pointer is the pool's, costs no time next to what
jemalloc does; but a jump that is taken costs a cycle, and a pair of malloc and free of 64 bytes
takes 22. jemalloc's two functions are 70 instructions that call nobody, so their bytes are copied
from the archive, each with its relocations, behind the question. Code of which that cannot be done
is refused: the entry points are then those of entry.c.
"""

import re
import subprocess
import sys
import tempfile

MEMBER = "jemalloc.pic.o"

# How the assembler writes a field that the linker fills in.
FIELDS = {
    "R_X86_64_PC32": "{symbol}{addend} - .",
    "R_X86_64_PLT32": "{symbol}{addend} - .",
    "R_X86_64_GOTPCREL": "{symbol}@GOTPCREL{addend}",
    "R_X86_64_GOTPCRELX": "{symbol}@GOTPCREL{addend}",
    "R_X86_64_REX_GOTPCRELX": "{symbol}@GOTPCREL{addend}",
    "R_X86_64_GOTTPOFF": "{symbol}@GOTTPOFF{addend}",
}

# The fields of struct zp_arena stand first in it, in this order (core/arena.h).
MALLOC_QUESTION = """\
    cmpq zp_arena(%rip), %rdi
    jae zp_malloc_large
"""
FREE_QUESTION = """\
    movq %rdi, %rax
    subq 8 + zp_arena(%rip), %rax
    cmpq 16 + zp_arena(%rip), %rax
    jb zp_free_pooled
"""


class Refused(Exception):
    """Code that cannot be moved."""


def run(*command):
    """The output of a program."""
    return subprocess.run(command, capture_output=True, check=True).stdout


def disassembled(archive):
    """The archive's member that has malloc and free, as objdump writes it."""
    with tempfile.NamedTemporaryFile(suffix=".o") as member:
        member.write(run("ar", "p", archive, MEMBER))
        member.flush()
        return run("objdump", "-d", "-r", "-w", member.name).decode()


def instructions(listing, function):
    """(address, bytes, text, relocation or None) of each; a relocation is (address, type, value)."""
    found = re.search(rf"^[0-9a-f]+ <{function}>:\n(.*?)\n(?:\n|\Z)", listing, re.M | re.S)
    if not found:
        raise Refused(f"no {function}")
    for line in found[1].splitlines():
        address, code, *rest = line.split("\t")
        text, at, kind, value = "\t".join(rest), None, None, None
        moved = re.search(r"\s([0-9a-f]+): (R_\w+)\t(\S+)$", text)
        if moved:
            at, kind, value = moved.groups()
        relocation = (int(at, 16), kind, value) if moved else None
        yield int(address.strip(" :"), 16), bytes.fromhex(code), text, relocation


def as_bytes(code):
    """A line of bytes, or none."""
    return [f"    .byte {', '.join(f'{byte:#x}' for byte in code)}"] if code else []


def relocated(address, code, relocation):
    """The lines of an instruction with a field for the linker."""
    at, kind, value = relocation
    target = re.fullmatch(r"([A-Za-z_]\w*)([+-]0x[0-9a-f]+)?", value)
    if kind not in FIELDS or not target:
        raise Refused(f"{kind} {value}")
    field = FIELDS[kind].format(symbol=target[1], addend=target[2] or "")
    start = at - address
    return [*as_bytes(code[:start]), f"    .long {field}", *as_bytes(code[start + 4 :])]


def moved_code(listing, function):
    """The lines of a function's code, wherever it will stand."""
    code = list(instructions(listing, function))
    first, last = code[0][0], code[-1][0]
    lines = []
    for address, raw, text, relocation in code:
        jump = re.match(r"(j\w+) +([0-9a-f]+) <([^>]+)>", text)
        if re.match(r"call|push|loop|jmp +\*", text) or "%rsp" in text:
            raise Refused(text)  # it would need a frame, or goes nobody knows where
        if relocation:
            lines += relocated(address, raw, relocation)
        elif jump and not first <= int(jump[2], 16) <= last:
            # As long as what the assembler makes of it, or the jumps around it would be off.
            if not re.fullmatch(r"[A-Za-z_]\w*", jump[3]) or raw[0] not in (0xE9, 0x0F):
                raise Refused(text)
            lines += [f"    .hidden {jump[3]}", f"    {jump[1]} {jump[3]}"]
        elif "(%rip)" in text:
            raise Refused(text)
        else:
            lines += as_bytes(raw)
    return "\n".join(lines)


def entry(name, question, code):
    """A function, under glibc's other name too."""
    return f"""\
    .p2align 6
    .globl {name}, __libc_{name}
    .type {name}, @function
    .type __libc_{name}, @function
{name}:
__libc_{name}:
    .cfi_startproc
{question}{code}
    .cfi_endproc
    .size {name}, . - {name}
    .size __libc_{name}, . - {name}
"""


def assembly(archive):
    """All of it."""
    listing = disassembled(archive)
    return f"""\
/* Written by preload/entries.py. */
    .hidden zp_arena, zp_malloc_large, zp_free_pooled
    .text
{entry("malloc", MALLOC_QUESTION, moved_code(listing, "malloc"))}
{entry("free", FREE_QUESTION, moved_code(listing, "free"))}
    .section .note.GNU-stack, "", @progbits
"""


def main():
    if sys.argv[1] != "--check":
        with open(sys.argv[2], "w", encoding="utf-8") as output:
            output.write(assembly(sys.argv[1]))
        return
    try:
        assembly(sys.argv[2])
        print("yes")
    except (Refused, OSError, subprocess.CalledProcessError) as error:
        print(f"no: {error}")


if __name__ == "__main__":
    main()
