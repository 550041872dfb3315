#!/usr/bin/env python3
"""compare_report.py DIR - makes table.md and plot.svg of the slices.tsv that compare.sh wrote."""

import csv
import datetime
import os
import statistics
import sys

# (case, other switch): (must, aim): how many times the cycles of Ringway the other one needs.
TARGETS = {
    ("64-split", "testpmd"): (2.0, 3.0),
    ("64-split", "ovs"): (3.0, 4.0),
    ("64-packed", "testpmd"): (1.3, 1.8),
    ("64-packed", "ovs"): (2.0, 3.0),
    ("1500-split", "testpmd"): (1.3, 1.7),
    ("1500-split", "ovs"): (1.8, 2.5),
    ("1500-packed", "testpmd"): (1.3, 1.7),
    ("1500-packed", "ovs"): (1.8, 2.5),
    ("tso-split", "testpmd"): (1.5, 1.9),
    ("tso-packed", "testpmd"): (1.5, 1.9),
}
# Ringway against itself: how many times the cycles it may need, the same the other way round.
LIMITS = {"ports": (1 / 0.90, 1 / 0.95), "macs": (1 / 0.75, 1 / 0.75)}
NAMES = {
    "ringway": "Ringway",
    "other": "the other Ringway",
    "ports": "with 64 ports",
    "macs": "with 64K addresses",
    "testpmd": "testpmd io",
    "ovs": "OVS-DPDK NORMAL",
}
COLOURS = {
    "ringway": "#1b6ca8",
    "other": "#7fb2d6",
    "ports": "#5a9bc9",
    "macs": "#9cc6e0",
    "testpmd": "#c98a1b",
    "ovs": "#8a8a8a",
}


def read_slices(path):
    with open(path, encoding="ascii") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        for key, value in row.items():
            if key not in ("case", "switch"):
                row[key] = float(value)
        row["cycles"] = row["busy_cycles"] / row["frames"] if row["frames"] else 0.0
    return rows


def unique(values):
    return list(dict.fromkeys(values))


def span(values, digits):
    """Median and range."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def ratios(rows, case, other):
    """Of slices of the same turn."""
    cycles = {(r["turn"], r["switch"]): r["cycles"] for r in rows if r["case"] == case}
    turns = sorted({turn for turn, _ in cycles})
    return [
        cycles[(n, other)] / cycles[(n, "ringway")]
        for n in turns
        if cycles.get((n, other)) and cycles.get((n, "ringway"))
    ]


def verdict(case, other, ratio):
    if other in LIMITS:
        must, aim = LIMITS[other]
        return f" (at most {must:.2f}: {'met' if ratio <= must else 'missed'}; aim {aim:.2f})"
    must, aim = TARGETS.get((case.removesuffix("-256"), other), (None, None))
    if must is None:
        return ""
    return f" (must {must:g}: {'met' if ratio >= must else 'missed'}; aim {aim:g})"


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown processor"


def describe_machine(rows):
    near = [r[key] for r in rows for key in ("near_before", "near_after")]
    return (
        f"{datetime.date.today().isoformat()}, {processor()}, {os.cpu_count()} cores, one polling core; "
        f"cache line from core to core and back: {span(near, 0)} TSC cycles."
    )


def make_table(rows):
    switches = unique(r["switch"] for r in rows)
    others = [s for s in switches if s != "ringway"] if "ringway" in switches else []
    head = ["frames"] + [f"{NAMES[s]}: cycles a frame" for s in switches]
    head += [f"{NAMES[s]} / Ringway" for s in others]
    head += ["burst at the guest", "lost", "preempted"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for case in unique(r["case"] for r in rows):
        of_case = [r for r in rows if r["case"] == case]
        cells = [case]
        for switch in switches:
            values = [r["cycles"] for r in of_case if r["switch"] == switch]
            cells.append(span(values, 0) if values else "not possible")
        for other in others:
            values = ratios(rows, case, other)
            text = "-"
            if values:
                text = span(values, 2) + verdict(case, other, statistics.median(values))
            cells.append(text)
        for key, digits in (("rx_burst", 0), ("lost", 0), ("preempted", 0)):
            cells.append(
                " / ".join(
                    f"{statistics.median(values):.{digits}f}" if values else "-"
                    for values in ([r[key] for r in of_case if r["switch"] == s] for s in switches)
                )
            )
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "Busy TSC cycles of the polling core per frame from guest to guest, as the switch counts them. Given "
        "are median (range) of the slices, and of the ratio of two slices in the same turn. Burst "
        "(receive buffers found at once), lost and preempted (involuntary context switches of "
        f"the switch in a slice): medians, in the order {' / '.join(NAMES[s] for s in switches)}.",
        describe_machine(rows),
    ]
    return "\n".join(lines) + "\n"


def summary(rows, case):
    """One line for the log of a test run."""
    said = []
    for switch in unique(r["switch"] for r in rows):
        values = [r["cycles"] for r in rows if r["case"] == case and r["switch"] == switch]
        ratio = ratios(rows, case, switch)
        if values and ratio:
            said.append(f"{NAMES[switch]} {statistics.median(values):.0f} ({statistics.median(ratio):.1f}x)")
    return f"measured: {case}, busy cycles a frame and ratio: {', '.join(said)}"


def make_plot(rows):
    switches = unique(r["switch"] for r in rows)
    cases = unique(r["case"] for r in rows)
    width, left, bar, gap, top = 860, 120, 16, 18, 60
    group = len(switches) * bar + gap
    height = top + len(cases) * group + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        '<text x="10" y="22" font-size="15">Busy TSC cycles per frame, guest to guest (less is better; each case has '
        "its own scale)</text>",
    ]
    for i, switch in enumerate(switches):
        x = left + i * 180
        parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{COLOURS[switch]}"/>')
        parts.append(f'<text x="{x + 18}" y="45">{NAMES[switch]}</text>')
    for i, case in enumerate(cases):
        y = top + i * group
        values = {s: [r["cycles"] for r in rows if r["case"] == case and r["switch"] == s] for s in switches}
        scale = (width - left - 130) / max(max(v) for v in values.values() if v)
        parts.append(f'<text x="10" y="{y + len(switches) * bar / 2 + 4}">{case}</text>')
        for j, switch in enumerate(switches):
            at = y + j * bar
            if not values[switch]:
                parts.append(f'<text x="{left}" y="{at + 12}" fill="#777">not possible</text>')
                continue
            median = statistics.median(values[switch])
            low, high = min(values[switch]) * scale, max(values[switch]) * scale
            middle = at + bar / 2
            parts.append(
                f'<rect x="{left}" y="{at + 1}" width="{median * scale:.1f}" height="{bar - 2}" '
                f'fill="{COLOURS[switch]}"/>'
            )
            parts.append(
                f'<path d="M{left + low:.1f} {middle}H{left + high:.1f}M{left + low:.1f} {middle - 4}v8M'
                f'{left + high:.1f} {middle - 4}v8" stroke="black" fill="none"/>'
            )
            parts.append(f'<text x="{left + high + 8:.1f}" y="{at + 12}">{median:.0f}</text>')
    parts.append(f'<text x="10" y="{height - 10}" fill="#555" font-size="11">{describe_machine(rows)}</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = sys.argv[1]
    rows = read_slices(os.path.join(out, "slices.tsv"))
    if not rows:
        sys.exit("compare: nothing was measured; the lines above say why")
    table = make_table(rows)
    with open(os.path.join(out, "table.md"), "w", encoding="utf-8") as file:
        file.write(table)
    with open(os.path.join(out, "plot.svg"), "w", encoding="utf-8") as file:
        file.write(make_plot(rows))
    print(table, end="")
    for case in unique(r["case"] for r in rows):
        print(summary(rows, case))
    if any(all(r["switch"] != "ringway" for r in rows if r["case"] == case) for case in unique(r["case"] for r in rows)):
        sys.exit("compare: Ringway itself was not measured in every case; the lines above say why")


if __name__ == "__main__":
    main()
