"""The arithmetic and the output of tests/bench/peers.py, without running anything.

    cd tests/support && /usr/bin/python3 -m unittest peers_figures_test
"""

import dataclasses
import pathlib
import sys
import unittest
import xml.etree.ElementTree as ElementTree

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

# pylint: disable=wrong-import-position
import peers_plots  # noqa: E402
import peers_report  # noqa: E402
from peers_figures import (  # noqa: E402
    BASES,
    BEST,
    GOALS,
    PAIRS,
    Figures,
    Goal,
    Sample,
    figures_of,
    goals_of,
    median_of,
    ratio,
    read_csv,
    steady,
)

CSV = (
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms",'
    '"p99_latency_ms","max_latency_ms"\n'
    '"GET","12345.67","0.5","0.1","0.455","0.9","1.503","7.1"\n'
)


def figures(rate, p50=1.0, cpu=10.0):
    return Figures(
        rate=rate, whole=rate, samples=9, p50=p50, p99=2.0, cpu=cpu, redis_cpu=1.0, memory=cpu
    )


def rounds(**rates):
    """{side: a Figures for each rate}; an underscore stands for a hyphen."""
    return {side.replace("_", "-"): [figures(rate) for rate in r] for side, r in rates.items()}


class Csv(unittest.TestCase):
    def test_figures_are_found_by_name(self):
        self.assertEqual(read_csv(CSV), (12345.67, 0.455, 1.503))

    def test_what_stands_before_is_no_figure(self):
        self.assertEqual(read_csv("WARNING: no config\n" + CSV), (12345.67, 0.455, 1.503))

    def test_there_is_exactly_one_line(self):
        head, line = CSV.splitlines()
        for text in ("", "Error: closed", head, "\n".join([head, line, line])):
            with self.assertRaises(ValueError):
                read_csv(text)


class Steady(unittest.TestCase):
    # At count n * 10 it is n seconds: 10 a second, and a CPU second for each 20.
    samples = [Sample(n, n * 10, n / 2, n / 4) for n in range(11)]

    def test_only_the_middle_counts(self):
        inside = steady(self.samples, 100)
        self.assertEqual([sample.count for sample in inside], [40, 50, 60, 70, 80, 90])

    def test_too_few_samples_say_nothing(self):
        for samples in ([], self.samples[:2], self.samples[4:5], [self.samples[4]] * 2):
            self.assertEqual(steady(samples, 100), [])

    def test_setting_up_is_left_out(self):
        later = [dataclasses.replace(s, seconds=s.seconds + 100) for s in self.samples]
        late = [Sample(0, 0, 0, 0), *later]
        got = figures_of(late, 100, (0.9, 1.5, 2.5), 7.0)
        self.assertEqual((got.rate, got.whole, got.samples), (10, 0.9, 6))
        self.assertEqual((got.p50, got.p99, got.memory), (1.5, 2.5, 7.0))
        self.assertEqual((got.cpu, got.redis_cpu), (50_000, 25_000))

    def test_without_a_steady_part_the_whole_counts(self):
        got = figures_of([self.samples[0], self.samples[10]], 100, (9.5, 1, 2), None)
        self.assertEqual((got.rate, got.samples, got.cpu, got.redis_cpu), (9.5, 0, None, 25_000))


class Ratios(unittest.TestCase):
    def test_each_is_of_its_own_round(self):
        # The machine slows down: the ratio of medians would be 60 / 50.
        found = rounds(redwall=[90, 60, 20], direct=[100, 50, 40])
        self.assertEqual(ratio(found, "redwall", "direct", "rate"), 0.9)
        self.assertEqual(median_of(found, "redwall", "rate"), 60)
        self.assertEqual(ratio(found, "direct", "direct", "rate"), 1)

    def test_the_best_pair_is_the_rounds_own(self):
        found = rounds(redwall=[10, 10], spiped=[5, 1], stunnel=[1, 4], redis_tls=[99, 99])
        self.assertEqual(ratio(found, "redwall", BEST, "rate"), 2.25)

    def test_less_is_better_of_all_but_the_rate(self):
        found = {
            "redwall": [figures(1, p50=4, cpu=6)],
            "spiped": [figures(1, p50=2, cpu=3)],
            "haproxy": [figures(1, p50=1, cpu=12)],
        }
        self.assertEqual(ratio(found, "redwall", BEST, "p50"), 4)
        self.assertEqual(ratio(found, "redwall", BEST, "cpu"), 2)

    def test_what_was_not_measured_has_no_ratio(self):
        found = {"redwall": [figures(1)], "direct": [figures(1, cpu=None)]}
        for side, base in (("redwall", "spiped"), ("redwall", BEST), ("spiped", "redwall")):
            self.assertIsNone(ratio(found, side, base, "rate"), (side, base))
        self.assertIsNone(ratio(found, "redwall", "direct", "cpu"))
        self.assertIsNone(ratio(found, "direct", "redwall", "cpu"))
        self.assertIsNone(median_of(found, "direct", "cpu"))
        self.assertIsNone(median_of(found, "spiped", "rate"))


class Goals(unittest.TestCase):
    def test_at_least_or_at_most(self):
        more, less = Goal("w", "rate", "direct", 1.5), Goal("w", "p50", "direct", 1.5)
        for value, of_more, of_less in ((1.4, False, True), (1.5, True, True), (1.6, True, False)):
            self.assertEqual((more.reached(value), less.reached(value)), (of_more, of_less))
        self.assertEqual((more.text(), less.text()), (">= 1.5", "<= 1.5"))

    def test_only_what_was_measured_is_told(self):
        results = {"connect": rounds(redwall=[30], spiped=[2], direct=[60])}
        found = {(goal.base, goal.limit): value for goal, value in goals_of(results, "redwall")}
        self.assertEqual(found, {("spiped", 10): 15, ("direct", 0.35): 0.5})
        self.assertEqual(goals_of(results, "redwall-other"), [])

    def test_each_names_a_base_that_there_is(self):
        self.assertTrue({goal.base for goal in GOALS} <= set(BASES))


class Report(unittest.TestCase):
    results = {
        "get-1": rounds(direct=[50_000], forwarders=[20_000], redwall=[25_000], spiped=[10_000]),
        "connect": rounds(direct=[100], redwall=[50]),
    }
    titles = {"get-1": "GET & more", "connect": "connections"}

    def parts(self):
        return peers_report.sections(self.results, self.titles, ["redwall"])

    def test_figures_have_two_or_three_digits(self):
        expected = {
            None: "-",
            0: "0.000",
            0.0456: "0.046",
            0.0999: "0.10",
            0.456: "0.46",
            1.234: "1.23",
            9.999: "10.0",
            12.34: "12.3",
            99.96: "100",
            12345.6: "12,346",
        }
        self.assertEqual({v: peers_report.figure(v) for v in expected}, expected)

    def test_a_table_has_its_columns_below_each_other(self):
        text = peers_report.text_table(["side", "a"], [["x", "1,000"], ["longer", "2"]])
        self.assertEqual(text, "side        a\nx       1,000\nlonger      2")

    def test_text_and_markdown_tell_the_same(self):
        text = peers_report.as_text(self.parts())
        markdown = peers_report.as_markdown(self.parts(), {"rounds": "1"}, {"a.svg": "A"}, "x/")
        for row in (["redwall", "25,000"], ["get-1: throughput to forwarders", "1.25", ">= 1.25"]):
            self.assertRegex(text, r"\s+".join(row))
            self.assertRegex(markdown, r"\s.*".join(row))
        self.assertIn("![A](x/a.svg)", markdown)

    def test_goals_come_last(self):
        self.assertEqual(self.parts()[-1][0], "redwall, goals")
        rows = self.parts()[-1][2]
        self.assertEqual(rows[0][1:], ["1.25", ">= 1.25", "yes"])
        self.assertEqual(len(rows), 3)

    def test_only_what_is_between_the_marks_is_replaced(self):
        document = f"before\n{peers_report.BEGIN}\nold\n{peers_report.END}\nafter\n"
        once = peers_report.replace_figures(document, r"new \1")
        self.assertEqual(
            once, f"before\n{peers_report.BEGIN}\n\nnew \\1\n\n{peers_report.END}\nafter\n"
        )
        self.assertEqual(peers_report.replace_figures(once, r"new \1"), once)
        for broken in ("", document * 2):
            with self.assertRaises(ValueError):
                peers_report.replace_figures(broken, "new")

    def test_the_document_has_its_marks(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        document = (root / "docs/benchmarks.md").read_text("utf-8")
        self.assertIn("new", peers_report.replace_figures(document, "new"))


class Plots(unittest.TestCase):
    def bars(self, text):
        """{title: width} of all bars."""
        tree = ElementTree.fromstring(text)
        names = {"svg": "http://www.w3.org/2000/svg"}
        rects = tree.findall("svg:rect[svg:title]", names)
        return {rect.find("svg:title", names).text: float(rect.get("width")) for rect in rects}

    def test_bars_are_as_long_as_their_ratios(self):
        results = {"a<b": rounds(direct=[100], redwall=[50], redwall_other=[25])}
        bars = self.bars(peers_plots.plots(results)["throughput.svg"])
        self.assertEqual(len(bars), 3)
        half = bars["a<b, redwall: 0.500"]
        self.assertAlmostEqual(bars["a<b, direct: 1.000"], 2 * half, delta=0.2)
        self.assertAlmostEqual(bars["a<b, redwall-other: 0.250"], half / 2, delta=0.2)

    def test_a_bar_that_is_too_long_is_cut_and_says_so(self):
        results = {
            "w": {
                "forwarders": [figures(1, cpu=1)],
                "redwall": [figures(1, cpu=5)],
                "spiped": [figures(1, cpu=50)],
            }
        }
        text = peers_plots.plots(results)["cpu.svg"]
        bars = self.bars(text)
        self.assertEqual(bars["w, redwall: 5.000"], bars["w, spiped: 50.000"])
        self.assertIn("50.0 (longer)", text)

    def test_there_is_no_plot_without_figures(self):
        self.assertEqual(peers_plots.plots({"w": rounds(redwall=[1])}), {})

    def test_sides_have_colours_of_their_own(self):
        sides = ["direct", "forwarders", "redwall", "redwall-shared", *PAIRS, "redis-tls"]
        self.assertEqual(len(set(peers_plots.colours(sides).values())), len(sides))


if __name__ == "__main__":
    unittest.main()
