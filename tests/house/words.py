#!/usr/bin/python3
"""Fails when a comment or a document uses a phrase that is not used any more (words.txt).

Of C files and options.def the comments are read, not names, code or messages; of documents everything.
A phrase that continues on the next line is found as well.

usage: words.py SOURCE_FOLDER
"""

import pathlib
import re
import sys

FOLDERS = ["core", "preload", "config", "command", "docs"]
FILES = ["README.md"]
CODE = {".c", ".h", ".def"}
DOCUMENTS = {".md"}

# A string or character literal, so that "//" within one starts no comment; or a comment.
LITERAL_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|(//[^\n]*|/\*.*?\*/)', re.S)


def phrases():
    """The expressions, each with what is written instead."""
    found = []
    with open(pathlib.Path(__file__).with_name("words.txt"), encoding="utf-8") as file:
        for line in file:
            if not line.startswith("#"):
                pattern, instead = line.rstrip("\n").split("\t")
                words = pattern.replace(" ", r"[\s*/]+")
                found.append((re.compile(rf"\b(?:{words})\b", re.I), instead))
    return found


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def comments(text):
    """The text with everything but its comments blanked out, so that positions stay."""
    kept, at = [], 0
    for match in LITERAL_OR_COMMENT.finditer(text):
        kept.append(blank(text[at : match.start()]))
        kept.append(match[1] or blank(match[0]))
        at = match.end()
    return "".join(kept) + blank(text[at:])


def prose(path):
    text = path.read_text(encoding="utf-8")
    return comments(text) if path.suffix in CODE else text


def main():
    top = pathlib.Path(sys.argv[1])
    paths = [top / name for name in FILES]
    for folder in FOLDERS:
        paths += sorted((top / folder).rglob("*"))
    failures = 0
    for path in paths:
        if path.suffix not in CODE | DOCUMENTS:
            continue
        text = prose(path)
        for pattern, instead in phrases():
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                said = " ".join(match[0].replace("//", " ").split())
                print(f'{path.relative_to(top)}:{line}: "{said}": {instead}')
                failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
