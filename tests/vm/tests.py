"""Prints, as calls of tests/vm/init's function run, those tests of a build that are programs and need no script.
usage: tests.py BUILD_FOLDER FOLDER_THERE SUITE..."""

import json
import shlex
import sys

build, there, suites = sys.argv[1].rstrip("/"), sys.argv[2], sys.argv[3:]
with open(build + "/meson-info/intro-tests.json", encoding="utf-8") as file:
    tests = json.load(file)
for suite in suites:
    for test in tests:
        if test["suite"][0].split(":")[-1] != suite or not test["cmd"][0].startswith(build + "/"):
            continue
        words = [f"{suite}: {test['name']}"]
        words += [f"{name}={value}" for name, value in test["env"].items() if name != "LD_LIBRARY_PATH"]
        words += test["cmd"]
        print("run", *(shlex.quote(word.replace(build + "/", there + "/")) for word in words))
