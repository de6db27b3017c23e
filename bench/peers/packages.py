"""The Python packages whose loaders are measured, from PyPI, beside Debian's torch and numpy.

pip puts them into build/peers/python, in exact versions and only as wheels: nothing is compiled and
nothing is installed in the system. Two folders, as Debian's torch needs a numpy 1. Where PyPI or a
package cannot be reached, it is absent, and so is what needs it.
"""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import time

from suite.places import PYTHON

from . import allocators

# Folder to package and version.
PACKAGES = {
    "tensors": {"safetensors": "0.8.0"},
    "arrays": {
        "numpy": "2.4.6",
        "h5py": "3.16.0",
        "zarr": "3.1.6",
        "pandas": "3.1.1",
        "pyarrow": "26.0.1",
        "gguf": "0.19.0",
        "pillow": "13.0.0",
    },
}
DEBIAN = ("torch", "numpy")
PATIENCE = 20  # seconds; if it takes pip longer to fail, nothing answers, and it is asked no more


def folder_of(build):
    return os.path.join(build, "peers", "python")


def versions_in(folder):
    """What is installed in a folder: name to version."""
    found = importlib.metadata.distributions(path=[folder])
    return {each.metadata["Name"].lower(): each.version for each in found}


def pip(folder, wanted):
    """Installs, and returns why that cannot be done, or nothing. What pip said goes to stderr."""
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--only-binary=:all:", "--retries=1"]
    command += ["--disable-pip-version-check", "--no-warn-conflicts", "--root-user-action=ignore"]
    command += ["--target", folder, *(f"{name}=={version}" for name, version in wanted.items())]
    environment = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "PYTHONPATH")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    print(f"pip failed: {done.stderr.strip()[-1000:]}", file=sys.stderr)
    return "pip is not installed" if "No module named pip" in done.stderr else "pip cannot fetch it"


def install(folder, wanted):
    """All in one go; if that fails each alone, so that one package costs no other. Returns why for
    each that is absent."""
    there = versions_in(folder)
    if all(there.get(name) == version for name, version in wanted.items()):
        return {}
    shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    reason = pip(folder, wanted)
    if not reason:
        return {}
    if time.monotonic() - start > PATIENCE:
        return dict.fromkeys(wanted, reason)
    shutil.rmtree(folder, ignore_errors=True)
    first = dict(list(wanted.items())[:1])  # numpy, which others would bring in another version
    why = {name: pip(folder, {**first, name: version}) for name, version in wanted.items()}
    return {name: reason for name, reason in why.items() if reason}


def install_all(build):
    """Each package with its release, or why it is absent."""
    releases = {}
    for name in DEBIAN:
        version = allocators.answer_of("dpkg-query", "-W", "-f", "${Version}", f"python3-{name}")
        releases[f"Debian's {name}"] = version or "absent: not installed"
    for name, wanted in PACKAGES.items():
        why = install(os.path.join(folder_of(build), name), wanted)
        for package, version in wanted.items():
            releases[package] = f"absent: {why[package]}" if package in why else version
    return releases
