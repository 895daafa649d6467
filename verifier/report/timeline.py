"""What happened when? Phases before their limits, and under them, on the same seconds, the machine.

One panel for each figure, each named in words beside it, so that no colour has to be told from
another. Phases stand one after the other as they were run; what was between them is left out. Must
never draw a figure that was not counted: a gap is a gap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from verifier.report.model import Track, Watched
from verifier.report.phases import Phase
from verifier.report.pictures import INKS, drawn

WIDTH_INCHES = 9.8
ROW_INCHES, PANEL_INCHES, FOOT_INCHES = 0.3, 0.78, 0.62
GAP_SHARE = 0.012
TRACE_OF = {
    "init": "train",
    "train": "train",
    "pack": "pack",
    "artifact": "script",
    "score": "script",
    "run": "script",
    "pass": "pass",
    "replay": "replay",
}
LINES = (("charge", "solid"), ("reference", (0, (3, 1.6))))


@dataclass(frozen=True, slots=True)
class Placed:
    """Phases that share one trace: where they begin on the picture's axis, and how long it is."""

    begin: float
    seconds: float
    phases: tuple[Phase, ...]
    watched: Watched | None


def placed(shown: Sequence[Phase], watched: Sequence[Watched]) -> list[Placed]:
    """The phases one after the other, each with the trace that was recorded while it ran."""
    traces = {each.phase: each for each in watched}
    groups: dict[str, list[Phase]] = {}
    for phase in shown:
        groups.setdefault(TRACE_OF[phase.name], []).append(phase)
    lasts = {
        name: max(sum(p.seconds for p in phases), traces[name].seconds if name in traces else 0.0)
        for name, phases in groups.items()
    }
    gap = GAP_SHARE * sum(lasts.values())
    found, begin = [], 0.0
    for name, phases in groups.items():
        found.append(Placed(begin, lasts[name], tuple(phases), traces.get(name)))
        begin += lasts[name] + gap
    return found


def picture(groups: Sequence[Placed]) -> str:
    """The whole timeline of one seed."""
    panels = _panels(groups)
    rows = sum(len(group.phases) for group in groups)
    heights = [ROW_INCHES * (rows + 0.4)]
    heights += [PANEL_INCHES * (1.0 if _is_line(groups, name) else 0.62) for name in panels]

    def draw(figure: Figure) -> None:
        grid = figure.add_gridspec(len(heights), 1, height_ratios=heights, hspace=0.02)
        first = figure.add_subplot(grid[0])
        _bars(first, groups)
        every = [first]
        for row, name in enumerate(panels, start=1):
            axes = figure.add_subplot(grid[row], sharex=first)
            draw_panel = _line_panel if _is_line(groups, name) else _stretch_panel
            draw_panel(axes, groups, name)
            every.append(axes)
        _share_axis(every, groups)

    return drawn("machine", draw, (WIDTH_INCHES, sum(heights) + FOOT_INCHES))


def _panels(groups: Sequence[Placed]) -> list[str]:
    """Names of panels, in the order in which they first come up."""
    names: dict[str, None] = {}
    for group in groups:
        if group.watched is not None:
            names |= dict.fromkeys(track.panel for track in group.watched.tracks)
    for group in groups:
        if group.watched is not None:
            names |= dict.fromkeys(each.panel for each in group.watched.stretches)
    return list(names)


def _is_line(groups: Sequence[Placed], name: str) -> bool:
    return any(
        track.panel == name
        for group in groups
        if group.watched is not None
        for track in group.watched.tracks
    )


# ---------------------------------------------------------------- panels


def _bars(axes: Axes, groups: Sequence[Placed]) -> None:
    """A row for each phase: what it took, before the room that its limit gave."""
    labels, row = [], 0
    for group in groups:
        start = group.begin
        for phase in group.phases:
            if phase.limit_seconds is not None:
                axes.barh(row, phase.limit_seconds, 0.56, start, color=INKS["tint"])
            colour = INKS["alarm" if phase.late else "charge"]
            axes.barh(row, phase.seconds, 0.56, start, color=colour, edgecolor=colour)
            start += phase.seconds
            labels.append(f"{phase.name}  {phase.used()}")
            row += 1
    axes.set_yticks(range(row), labels)
    axes.set_ylim(row - 0.4, -0.6)
    axes.grid(visible=False, axis="y")


def _line_panel(axes: Axes, groups: Sequence[Placed], name: str) -> None:
    """Tracks of one panel, as steps; the policy's limit beside what it limits."""
    tracks = _tracks(groups, name)
    names = list(dict.fromkeys(track.name for _, track in tracks))
    top = _top([track for _, track in tracks])
    for begin, track in tracks:
        ink, dashes = LINES[names.index(track.name) % len(LINES)]
        at = begin + np.array(track.seconds)
        values = np.array([np.nan if value is None else value for value in track.values])
        if ink == "charge":
            axes.fill_between(at, 0, values, step="post", color=INKS["tint"], linewidth=0)
        axes.plot(
            at, values, color=INKS[ink], linestyle=dashes, linewidth=1.3, drawstyle="steps-post"
        )
    first = tracks[0][1]
    if first.fair is not None:
        axes.axhline(first.fair, color=INKS["alarm"], linewidth=0.9, linestyle=(0, (1, 1.5)))
    axes.set_ylim(0, top * 1.06)
    axes.set_yticks([0, top], ["0", f"{top:,.4g} {first.unit}"])
    said = name if len(names) < 2 else f"{name}: {names[0]} ━, {names[1]} ┅"
    if first.fair is not None:
        said += f" (dotted: {first.fair:g} {first.unit} of a phase are fair)"
    _called(axes, said)


def _stretch_panel(axes: Axes, groups: Sequence[Placed], name: str) -> None:
    """What lasted, a row for each name."""
    found = [
        (group.begin, each)
        for group in groups
        if group.watched is not None
        for each in group.watched.stretches
        if each.panel == name
    ]
    rows = list(dict.fromkeys(each.name for _, each in found))
    for begin, each in found:
        axes.barh(
            rows.index(each.name),
            each.end - each.begin,
            0.5,
            begin + each.begin,
            color=INKS["charge"],
            edgecolor=INKS["charge"],
        )
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.9)
    axes.grid(visible=False, axis="y")
    _called(axes, name)


def _tracks(groups: Sequence[Placed], name: str) -> list[tuple[float, Track]]:
    return [
        (group.begin, track)
        for group in groups
        if group.watched is not None
        for track in group.watched.tracks
        if track.panel == name
    ]


def _top(tracks: Sequence[Track]) -> float:
    """The most there can be, else a round number above all that was."""
    tops = [track.top for track in tracks if track.top is not None]
    most = max(
        (value for track in tracks for value in track.values if value is not None), default=0
    )
    if tops:
        return max(*tops, most) if len(tops) > 1 else max(tops[0], most)
    if most <= 0:
        return 1.0
    step = 10.0 ** math.floor(math.log10(most)) / 2
    return step * math.ceil(most / step)


def _called(axes: Axes, said: str) -> None:
    axes.set_title(said, loc="left", fontsize=8, color=INKS["muted"], pad=3)


def _share_axis(every: Sequence[Axes], groups: Sequence[Placed]) -> None:
    """Seconds at the foot alone, and a line through all panels where a phase begins."""
    end = groups[-1].begin + groups[-1].seconds
    for axes in every:
        axes.set_xlim(0, end or 1.0)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=True, axis="x")
        for group in groups[1:]:
            axes.axvline(group.begin, color=INKS["muted"], linewidth=0.6)
        axes.tick_params(axis="x", labelbottom=axes is every[-1], length=0)
    every[-1].set_xlabel(
        "seconds on the host’s clock, phase after phase; bars of pass and replay: box-busy"
    )
