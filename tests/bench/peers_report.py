"""What peers.py prints and writes: tables, as text and as Markdown; and docs/benchmarks.md."""

import pathlib
import re

from peers_figures import BASES, METRICS, goals_of, median_of, ratio

BEGIN, END = "<!-- begin: written by peers.py -->", "<!-- end: written by peers.py -->"


def figure(value):
    """A number with two or three digits that mean something, "-" for None."""
    if value is None:
        return "-"
    decimals = next(
        n for n, least in ((0, 99.95), (1, 9.995), (2, 0.0995), (3, 0)) if value >= least
    )
    return f"{value:,.{decimals}f}"


def text_table(head, rows):
    """Columns side by side, the first one at the left, the others at the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown_table(head, rows, figures=True):
    rule = "|---|" + ("---:|" if figures else "---|") * (len(head) - 1)
    return "\n".join([f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(r)} |" for r in rows)])


def workload_table(rounds):
    """(head, rows) of one workload: medians of each side, and its throughput to the bases."""
    head = ["side", "a second", "p50 ms", "p99 ms", "CPU us", "Redis's us", "MiB"]
    head += [f"to {base}" for base in BASES]
    rows = []
    for side in rounds:
        cells = [side, f"{median_of(rounds, side, 'rate'):,.0f}"]
        for metric in ("p50", "p99", "cpu", "redis_cpu", "memory"):
            cells.append(figure(median_of(rounds, side, metric)))
        cells += [figure(ratio(rounds, side, base, "rate")) for base in BASES]
        rows.append(cells)
    return head, rows


def ratio_table(results, side, metric):
    """(head, rows) of one side and metric: its ratios to the bases, a row for each workload."""
    rows = []
    for name, rounds in results.items():
        cells = [figure(ratio(rounds, side, base, metric)) for base in BASES]
        if any(cell != "-" for cell in cells):
            rows.append([name, *cells])
    return ["workload", *(f"to {base}" for base in BASES)], rows


def goal_table(results, side):
    rows = []
    for goal, value in goals_of(results, side):
        what = f"{goal.workload}: {METRICS[goal.metric]} to {goal.base}"
        rows.append([what, figure(value), goal.text(), "yes" if goal.reached(value) else "no"])
    return ["goal", "ratio", "wanted", "reached"], rows


def sides_of(results):
    return list(dict.fromkeys(side for rounds in results.values() for side in rounds))


def sections(results, titles, redwalls):
    """[(title, head, rows)] of everything; `redwalls`: which sides' ratios and goals are told."""
    parts = []
    for name, rounds in results.items():
        parts.append((f"{name}: {titles[name]}", *workload_table(rounds)))
    for side in redwalls:
        for metric, title in METRICS.items():
            parts.append((f"{side}, ratios: {title}", *ratio_table(results, side, metric)))
    for side in redwalls:
        parts.append((f"{side}, goals", *goal_table(results, side)))
    return [part for part in parts if part[2]]


def as_text(parts):
    return "\n\n".join(f"{title}\n\n{text_table(head, rows)}" for title, head, rows in parts)


def as_markdown(parts, about, plots, folder):
    """The generated part of docs/benchmarks.md. about: {what: text}; plots: {file: title},
    in `folder`, relative to the document ("" or ending with a slash)."""
    blocks = ["## Figures", markdown_table(["", ""], list(about.items()), figures=False)]
    blocks += [f"![{title}]({folder}{name})" for name, title in plots.items()]
    blocks += [f"### {title}\n\n{markdown_table(head, rows)}" for title, head, rows in parts]
    return "\n\n".join(blocks)


def replace_figures(document, figures):
    """`document` with what stands between its two marks replaced."""
    pattern = re.compile(f"({re.escape(BEGIN)}\n).*?({re.escape(END)})", re.S)
    found = pattern.findall(document)
    if len(found) != 1:
        raise ValueError(f"expected one part between {BEGIN} and {END}, found {len(found)}")
    return pattern.sub(lambda match: f"{match[1]}\n{figures}\n\n{match[2]}", document)


def write(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
