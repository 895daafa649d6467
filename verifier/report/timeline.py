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

from verifier.report.model import Stretch, Track, Watched
from verifier.report.phases import Phase
from verifier.report.pictures import INKS, drawn

WIDTH_INCHES = 9.8
ROW_INCHES, LINE_INCHES = 0.27, 0.62
TITLE_INCHES, HEAD_INCHES, FOOT_INCHES = 0.27, 0.05, 0.48
LETTER_INCHES, LEAST_LABEL_INCHES = 0.077, 1.2
RIGHT_SHARE = 0.985
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
    heights += [
        LINE_INCHES if _is_line(groups, name) else ROW_INCHES * (len(_rows(groups, name)) + 0.4)
        for name in panels
    ]
    whole = sum(heights) + TITLE_INCHES * len(panels) + FOOT_INCHES + HEAD_INCHES

    def draw(figure: Figure) -> None:
        # Places by our own sums: a solver's last digits differ from run to run.
        figure.set_layout_engine("none")
        left, top = _label_inches(groups, panels) / WIDTH_INCHES, whole - HEAD_INCHES
        every: list[Axes] = []
        for name, height in zip(["", *panels], heights, strict=True):
            top -= TITLE_INCHES if every else 0.0
            place = (left, (top - height) / whole, RIGHT_SHARE - left, height / whole)
            every.append(figure.add_axes(place, sharex=every[0] if every else None))
            top -= height
            if not name:
                _bars(every[-1], groups)
            elif _is_line(groups, name):
                _line_panel(every[-1], groups, name)
            else:
                _stretch_panel(every[-1], groups, name)
        _share_axis(every, groups)

    return drawn("machine", draw, (WIDTH_INCHES, whole))


def _label_inches(groups: Sequence[Placed], panels: Sequence[str]) -> float:
    """Room for the longest label at the left."""
    labels = [_label(phase) for group in groups for phase in group.phases]
    labels += [row for name in panels for row in _rows(groups, name)]
    return max(LEAST_LABEL_INCHES, LETTER_INCHES * max(map(len, labels)) + 0.1)


def _label(phase: Phase) -> str:
    return f"{phase.name}  {phase.used()}"


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
            if phase.limit_seconds is not None and phase.seconds > phase.limit_seconds:
                limit = start + phase.limit_seconds
                axes.plot([limit, limit], [row - 0.42, row + 0.42], color=INKS["ink"])
            start += phase.seconds
            labels.append(_label(phase))
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
    rows = _rows(groups, name)
    for begin, each in _stretches(groups, name):
        axes.barh(
            rows.index(each.name),
            each.end - each.begin,
            0.5,
            begin + each.begin,
            color=INKS["charge"],
            edgecolor=INKS["charge"],
        )
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    _called(axes, name)


def _stretches(groups: Sequence[Placed], name: str) -> list[tuple[float, Stretch]]:
    return [
        (group.begin, each)
        for group in groups
        if group.watched is not None
        for each in group.watched.stretches
        if each.panel == name
    ]


def _rows(groups: Sequence[Placed], name: str) -> list[str]:
    return list(dict.fromkeys(each.name for _, each in _stretches(groups, name)))


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
