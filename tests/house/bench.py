#!/usr/bin/python3
"""A question that names a figure, line or program that is not there; a page that hides that a peer
is ahead, or that something is missing; an old release shown for the newest one; loaded bytes that
differ and are not noticed; a comparison that overlooks what got slower. Nothing is measured.

usage: bench.py SOURCE_FOLDER
"""

import os
import sys
import tempfile
import unittest

SOURCE = sys.argv.pop(1)
sys.path.insert(0, os.path.join(SOURCE, "bench"))
sys.path.append(os.path.join(SOURCE, "bench", "workloads"))  # where its programs find each other

from peers.allocators import all_peers, versions
from questions import QUESTIONS
from questions import loaders as asked
from suite import compare, docs, report, results
from suite.question import Figure, Question, Target, lines_of, median_of, ratio, to_best_peer
from workloads import loaders as loading

MOST_SECONDS = 1490  # of 25 minutes; the rest is for building and preparing


def measured(samples, lines=("glibc", "tcmalloc", "zeropool"), target=None):
    """The data of a question of one figure: `samples` are a line's, one a process."""
    question = Question(
        name="pair",
        title="Title",
        about="About.",
        command=[],
        figures=[Figure("ns", "pair, ns", median_of("ns"))],
        base="glibc",
        seconds=1,
        rounds=1,
        targets=[target or Target("zeropool / glibc", ratio("ns", "zeropool", "glibc"), "<=", 0.5)],
        lines=lines_of(*lines),
    )
    found = results.Results(question)
    for line in question.lines:
        for sample in samples.get(line.name, []):
            found.add(line.name, {"ns": [sample]})
    return results.as_data(found, 1, "version", {"tcmalloc": "2.10 (Debian)"})


class Questions(unittest.TestCase):
    def test_names(self):
        peers = {peer.name for peer in all_peers("build")}
        for question in QUESTIONS:
            keys = [figure.key for figure in question.figures]
            lines = [line.name for line in question.lines]
            with self.subTest(question.name):
                self.assertEqual(len(set(keys)), len(keys))
                self.assertEqual(len(set(lines)), len(lines))
                self.assertIn(question.base, lines)
                self.assertLessEqual({line.peer for line in question.lines}, peers)
                for target in [*question.targets, *question.against]:
                    self.assertIn(target.sign, ("<=", ">="))
                for chart in question.charts:
                    self.assertLessEqual(set(chart.keys), set(keys))
                    self.assertEqual(len(chart.keys), len(chart.labels))

    def test_programs(self):
        with open(os.path.join(SOURCE, "bench", "workloads", "meson.build"), encoding="utf-8") as file:
            built = file.read()
        for question in QUESTIONS:
            for word in question.command:
                if "/bench-" in word and "/bench/" in word:
                    self.assertIn(f"'{word.rpartition('/bench-')[2]}',", built)

    def test_summary(self):
        keys = {q.name: [figure.key for figure in q.figures] for q in QUESTIONS}
        lines = {q.name: [line.name for line in q.lines] for q in QUESTIONS}
        for name, key, _, ours in docs.SUMMARY:
            self.assertIn(key, keys[name])
            self.assertIn(ours, lines[name])
        peers = {peer.name for peer in all_peers("build")}
        for releases in docs.COLUMNS.values():
            self.assertLessEqual(set(releases), peers)

    def test_time(self):
        self.assertLessEqual(sum(question.seconds for question in QUESTIONS), MOST_SECONDS)


class Releases(unittest.TestCase):
    def test_older_release_stands_in(self):
        self.assertEqual(
            [(line.name, line.stands_for) for line in lines_of("glibc", "jemalloc-5.3.1")],
            [("glibc", ""), ("jemalloc-5.3.1", ""), ("jemalloc", "jemalloc-5.3.1")],
        )

    def test_older_release_that_is_asked_for(self):
        lines = lines_of("jemalloc", "jemalloc-5.3.1")
        self.assertEqual([line.stands_for for line in lines], ["", ""])

    def test_best_release_is_shown(self):
        data = measured(
            {"mimalloc-2.3": [12], "mimalloc-3": [10], "zeropool": [11]},
            lines=("glibc", "mimalloc-2.3", "mimalloc-3", "zeropool"),
        )
        row, best = docs.summary_row(data, "ns", "zeropool")
        self.assertEqual((row, best), ({"mimalloc": 10, "zeropool": 11}, 10))

    def test_best_peer_is_compared_with(self):
        target = Target("zeropool / the best", to_best_peer("ns", "zeropool"), "<=", 1)
        data = measured({"glibc": [10], "tcmalloc": [5], "zeropool": [8]}, target=target)
        self.assertEqual(data["targets"][0]["measured"], 1.6)

    def test_absent_release_is_said(self):
        said = versions(all_peers("no-such-folder"))
        self.assertEqual(said["mimalloc-3"], "absent: not built")


class Page(unittest.TestCase):
    def test_peer_ahead_is_said(self):
        text = "\n".join(docs.section(measured({"tcmalloc": [10], "zeropool": [15]})))
        self.assertIn("A peer is ahead of zeropool in: pair, ns: tcmalloc (zeropool: 1.500", text)

    def test_missed_target_is_said(self):
        every = [measured({"glibc": [10], "tcmalloc": [20], "zeropool": [9]})]
        text = "\n".join(docs.page(every, ["small"]))
        self.assertIn("0 of 1 targets are met.", text)
        self.assertIn("at most 0.5: 0.900, MISSED", text)
        self.assertIn("Not measured: small.", text)

    def test_absent_line_is_said(self):
        data = measured({"zeropool": [9]})
        self.assertIn("- glibc, tcmalloc: left out", list(docs.section(data)))
        self.assertIn("NOT MEASURED", "\n".join(report.for_terminal(data)))

    def test_file_keeps_all(self):
        data = measured({"glibc": [10, 11.5], "tcmalloc": [20], "zeropool": [9]})
        with tempfile.TemporaryDirectory() as folder:
            results.write(data, os.path.join(folder, "pair.json"))
            self.assertEqual(results.read_folder(folder), {"pair": data})


class Loaders(unittest.TestCase):
    def found(self, **digests):
        """Results of one process of each line: the digests of its loads with torch."""
        found = results.Results(asked.QUESTIONS[0])
        for line, values in digests.items():
            output = {"load_ms": [30, 20], "free_ms": [1, 2], "peak_mb": [9], "digests": values}
            found.add(line, {f"torch_{key}": value for key, value in output.items()})
        return found

    def test_names(self):
        self.assertEqual(list(asked.LOADERS), list(loading.LOADERS))
        self.assertLessEqual(set(docs.MOST_USED), set(asked.LOADERS))
        lines = [line.name for line in asked.QUESTIONS[0].lines]
        self.assertLessEqual(set(docs.LOADER_LINES), set(lines))

    def test_other_bytes_are_counted(self):
        self.assertEqual(asked.different(self.found(glibc=[7, 7], zeropool=[7, 7])), 0)
        self.assertEqual(asked.different(self.found(glibc=[7, 8], zeropool=[7, 9])), 2)

    def test_other_bytes_have_another_digest(self):
        same = [{"a": b"x", "b": b"y"}, {"b": b"y", "a": b"x"}]
        self.assertEqual(*map(loading.digest, same))
        self.assertNotEqual(loading.digest({"a": b"x"}), loading.digest({"a": b"z"}))

    def test_table_for_the_readme(self):
        data = results.as_data(self.found(glibc=[7], zeropool=[7]), 1, "version", {})
        text = "\n".join(docs.loaders([data]))
        self.assertIn("| `torch.load` | 30 / 22 | 30 / 22 | - | - |", text)
        self.assertIn("Not measured", "\n".join(docs.loaders([])))

    def test_absent_package_is_said(self):
        data = measured({"glibc": [10]})
        data["packages"] = {"h5py": "absent: pip cannot fetch it"}
        self.assertIn("With h5py absent: pip cannot fetch it.", list(docs.section(data)))


class Compare(unittest.TestCase):
    def worse(self, old, new):
        return [w for w, _ in compare.changes(measured({"glibc": old}), measured({"glibc": new}))]

    def test_beyond_both_spreads(self):
        self.assertEqual(self.worse([10, 11, 12], [20, 22, 24]), [2])
        self.assertEqual(self.worse([20, 22, 24], [10, 11, 12]), [0.5])

    def test_single_process(self):
        self.assertEqual(self.worse([10], [20]), [])

    def test_within_a_spread(self):
        self.assertEqual(self.worse([10, 11, 21], [20, 22, 24]), [])


if __name__ == "__main__":
    unittest.main()
