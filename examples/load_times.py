# SPDX-License-Identifier: MIT OR Apache-2.0
"""Load times of a checkpoint before and after, after `pip install zeropool`: python3 load_times.py model.pt"""
import subprocess
import sys

LOAD = """import sys, time, torch
for _ in range(5):
    begin = time.perf_counter()
    torch.load(sys.argv[1], map_location="cpu", weights_only=True)
    print(f"{time.perf_counter() - begin:8.3f} s", end="")"""
for name, run in ("before", []), ("after", ["-m", "zeropool", "run", "--", sys.executable]):
    print(f"{name:8}", end="", flush=True)
    subprocess.run([sys.executable, *run, "-c", LOAD, sys.argv[1]], check=True)
    print()
