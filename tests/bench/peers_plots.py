"""Bar charts as SVG: for each workload a group with a bar for each side.

A plot brings its own background, one for light and one for dark, so that it can be read on either.
"""

from xml.sax.saxutils import escape, quoteattr

from peers_figures import ratio

COLOURS = {  # of sides; others get the last ones
    "direct": "#7f8c99",
    "forwarders": "#b49b6c",
    "spiped": "#4a90c2",
    "stunnel": "#5aa36f",
    "haproxy": "#8d78c4",
    "redis-tls": "#c27a9a",
    "redwall": "#d0402f",
}
MORE_COLOURS = ("#e8833a", "#a8322a", "#d6a23a")

STYLE = """
  .card { fill: #ffffff; stroke: #d0d7de } .text { fill: #1f2328 } .faint { fill: #59636e }
  .line { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    .card { fill: #15191f; stroke: #3d444d } .text { fill: #f0f6fc } .faint { fill: #9198a1 }
    .line { stroke: #3d444d }
  }
"""
WIDTH, LEFT, RIGHT, BAR, GAP, HEAD = 860, 120, 110, 11, 16, 84
LONGEST = 5


def colours(sides):
    spare = iter(MORE_COLOURS * len(sides))
    return {side: COLOURS.get(side) or next(spare) for side in sides}


def text(x, y, content, kind="text", anchor="start", size=12, weight="normal"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}" '
        f'font-size="{size}" font-weight="{weight}">{escape(content)}</text>'
    )


def legend(sides, palette, y):
    parts, x = [], 24.0
    for side in sides:
        parts.append(f'<rect x="{x:.1f}" y="{y - 10}" width="12" height="12" rx="2" ')
        parts[-1] += f'fill="{palette[side]}"/>'
        parts.append(text(x + 17, y, side))
        x += 40 + 7.2 * len(side)
    return parts


def grid(top, bottom, scale, base):
    """Vertical lines at 0, and at 1, where `base` is."""
    parts = []
    for x in (LEFT, LEFT + scale):
        parts.append(f'<line class="line" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}"/>')
    return [*parts, text(LEFT + scale, top - 4, base, "faint", "middle", 11)]


def bar_chart(title, note, groups, base):
    """groups: {workload: {side: its ratio to `base`}}. Bars longer than LONGEST are cut off there;
    the number behind them isn't."""
    sides = list(dict.fromkeys(side for group in groups.values() for side in group))
    palette = colours(sides)
    largest = max(value for group in groups.values() for value in group.values())
    largest = min(max(largest, 1), LONGEST)
    scale = (WIDTH - LEFT - RIGHT) / largest
    body, y = [], HEAD + GAP
    for name, group in groups.items():
        middle = y + BAR * len(group) / 2 + 4
        body.append(text(LEFT - 10, middle, name, anchor="end", weight="bold"))
        for side, value in group.items():
            width = max(min(value, largest) * scale, 1)
            label = f"{value:.2f}" if value <= largest else f"{value:.1f} (longer)"
            body.append(
                f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" '
                f'fill="{palette[side]}"><title>{escape(f"{name}, {side}: {value:.3f}")}'
                "</title></rect>"
            )
            body.append(text(LEFT + width + 5, y + BAR - 3, label, "faint", size=10))
            y += BAR
        y += GAP
    head = [text(24, 28, title, size=16, weight="bold"), text(24, 46, note, "faint")]
    head += legend(sides, palette, 68)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" '
            f'font-family="sans-serif" role="img" aria-label={quoteattr(title)}>',
            f"<style>{STYLE}</style>",
            f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{y - 1}" rx="8"/>',
            *head,
            *grid(HEAD + GAP - 4, y - GAP + 2, scale, base),
            *body,
            "</svg>\n",
        ]
    )


def collect(results, value_of):
    """{workload: {side: value}} without those that have none."""
    groups = {}
    for name, rounds in results.items():
        values = {side: value_of(rounds, side) for side in rounds}
        values = {side: value for side, value in values.items() if value is not None}
        if values:
            groups[name] = values
    return groups


# file: (title, note, metric, what its bars are ratios to)
PLOTS = {
    "throughput.svg": ("Throughput", "longer is better", "rate", "direct"),
    "latency.svg": ("Median latency", "shorter is better", "p50", "direct"),
    "cpu.svg": (
        "CPU time a command of all processes between client and Redis",
        "shorter is better",
        "cpu",
        "forwarders",
    ),
}


def plots(results):
    """{file: its text} of those for which there are figures."""
    found = {}
    for name, (title, note, metric, base) in PLOTS.items():
        groups = collect(results, lambda r, side, m=metric, b=base: ratio(r, side, b, m))
        if groups:
            note = f"as a ratio to {base}; {note}"
            found[name] = bar_chart(title, note, groups, base)
    return found


def titles():
    return {name: plot[0] for name, plot in PLOTS.items()}
