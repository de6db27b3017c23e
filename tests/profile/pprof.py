#!/usr/bin/env python3
"""Decodes a profile of pprof's, as its profile.proto describes it, and prints its samples.

    pprof.py FILE

For each sample a line of types and values, and a line for each frame: function, file, line.
"""

import gzip
import sys


def number(data, at):
    """A varint and what follows it."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """The fields of a message: number and value, an int or bytes."""
    at = 0
    while at < len(data):
        key, at = number(data, at)
        value, at = number(data, at)
        if key & 7 == 2:
            at += value
            if at > len(data):
                raise ValueError("a field is longer than its message")
            value = data[at - value : at]
        elif key & 7 != 0:
            raise ValueError(f"a field of kind {key & 7}")
        yield key >> 3, value


def packed(data):
    """The numbers of a packed field."""
    at, values = 0, []
    while at < len(data):
        value, at = number(data, at)
        values.append(value)
    return values


def main():
    with gzip.open(sys.argv[1]) as file:
        profile = list(fields(file.read()))
    strings = [value.decode() for key, value in profile if key == 6]
    if strings[0] != "":
        raise ValueError("the first string is not empty")
    types = [strings[dict(fields(value))[1]] for key, value in profile if key == 1]
    functions = {}
    for part in (dict(fields(value)) for key, value in profile if key == 5):
        functions[part[1]] = (strings[part[2]], strings[part[4]])
    lines = {}
    for part in (dict(fields(value)) for key, value in profile if key == 4):
        line = dict(fields(part[4]))
        lines[part[1]] = (*functions[line[1]], line[2])
    for sample in (dict(fields(value)) for key, value in profile if key == 2):
        values = packed(sample[2])
        if len(values) != len(types):
            raise ValueError("a sample lacks values")
        print(*(f"{name} {value}" for name, value in zip(types, values)))
        for location in packed(sample[1]):
            print("   ", *lines[location])


if __name__ == "__main__":
    main()
