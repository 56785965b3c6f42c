"""A small figure of a throughput measurement: each round a dot, the median a line, as SVG."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

WIDTH, ROW, LEFT, RIGHT = 640, 44, 150, 70


def draw(rounds: list[dict[str, dict[str, Any]]], path: Path) -> None:
    """Draw rows per second of every arm.

    Args:
        rounds: Arm to its result, one mapping for each round.
        path: Where the SVG is written.
    """
    arms = list(rounds[0])
    speeds = {arm: [one[arm]["rows_per_second"] for one in rounds] for arm in arms}
    scale = (WIDTH - LEFT - RIGHT) / max(max(values) for values in speeds.values())
    height = ROW * len(arms) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13" fill="#222">',
        f"<title>Rows per second, {len(rounds)} rounds</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, arm in enumerate(arms):
        y = ROW * number + ROW / 2 + 8
        median = statistics.median(speeds[arm])
        x = LEFT + scale * median
        parts += [
            f'<text x="{LEFT - 12}" y="{y + 4}" text-anchor="end">{arm}</text>',
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>',
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 13}" y2="{y + 13}" stroke="#0b5fa5" '
            'stroke-width="3"/>',
            f'<text x="{WIDTH - RIGHT + 10}" y="{y + 4}">{median:.1f}</text>',
        ]
        parts += [
            f'<circle cx="{LEFT + scale * speed:.1f}" cy="{y}" r="4" fill="#0b5fa5" opacity=".45"/>'
            for speed in speeds[arm]
        ]
    parts.append(
        f'<text x="{LEFT}" y="{height - 10}" fill="#555">rows per second; '
        "a dot is a round, the line their median</text></svg>"
    )
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")
