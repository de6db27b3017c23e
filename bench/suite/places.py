"""Where things are in this tree."""

import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORKLOADS = os.path.join(ROOT, "bench", "workloads")
PEERS = os.path.join(ROOT, "bench", "peers")
RESULTS = os.path.join(ROOT, "bench", "results")
