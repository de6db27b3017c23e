"""Prints, as calls of tests/vm/init's function run, the tests of a build that are programs and need no script.
usage: tests.py BUILD_FOLDER FOLDER_THERE [LIST]; LIST is a file with the names of those that are wanted"""

import json
import shlex
import sys

build, there = sys.argv[1].rstrip("/"), sys.argv[2]
with open(build + "/meson-info/intro-tests.json", encoding="utf-8") as file:
    tests = {f"{test['suite'][0].split(':')[-1]}: {test['name']}": test for test in json.load(file)}
wanted = tests
if len(sys.argv) > 3:
    with open(sys.argv[3], encoding="utf-8") as file:
        wanted = file.read().splitlines()
for name in wanted:
    test = tests.get(name)
    if test is None:
        sys.exit(f"{sys.argv[3]}: there is no test '{name}'")
    if not test["cmd"][0].startswith(build + "/"):
        continue
    words = [name]
    words += [f"{variable}={value}" for variable, value in test["env"].items() if variable != "LD_LIBRARY_PATH"]
    words += test["cmd"]
    print("run", *(shlex.quote(word.replace(build + "/", there + "/")) for word in words))
