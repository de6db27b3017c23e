"""Where things are in this tree."""

import os

# The distribution's, which has its torch. A machine that has torch elsewhere names it here.
PYTHON = os.environ.get("BENCH_PYTHON", "/usr/bin/python3")

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORKLOADS = os.path.join(ROOT, "bench", "workloads")
PEERS = os.path.join(ROOT, "bench", "peers")
RESULTS = os.path.join(ROOT, "bench", "results")
