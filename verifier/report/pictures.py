"""How do a seed's curves look? One SVG per question, in colours that the page decides.

Drawn without colours of its own: each ink becomes a CSS variable (`--ink`, `--charge`, …), so that
the same picture is read on light paper and on a dark screen. Text stays text. Nothing that a
submission wrote is ever in a picture. Must never smooth, extrapolate or leave a point out.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from verifier.report.curves import APART_EDGES, CELLS
from verifier.report.model import Bin, Documents, Replayed
from verifier.report.phases import Phase

WIDTH_INCHES, HEIGHT_INCHES = 4.8, 3.0

# any six-digit colours will do that no library would draw by itself
INKS = {
    "ink": "#010203",
    "muted": "#020304",
    "rule": "#030405",
    "tint": "#040506",
    "charge": "#050607",
    "reference": "#060708",
    "alarm": "#070809",
}
_STYLE = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.color": INKS["ink"],
    "axes.edgecolor": INKS["rule"],
    "axes.labelcolor": INKS["muted"],
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "figure.facecolor": "none",
    "grid.color": INKS["rule"],
    "grid.linewidth": 0.5,
    "xtick.color": INKS["rule"],
    "ytick.color": INKS["rule"],
    "xtick.labelcolor": INKS["muted"],
    "ytick.labelcolor": INKS["muted"],
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
}
# what a page sets itself, and names that no other picture of a page may repeat
_REDUNDANT = re.compile(
    r" font-family: [^;\"]*;| <defs>\s*<style.*?</style>\s*</defs>\n|(?<=<g) id=\"[^\"]*\"",
    re.DOTALL,
)
_NAME = re.compile(r"(?<= id=\")(?=\w)|(?<=[\"(]#)(?=\w)")


# ---------------------------------------------------------------- six pictures


def timeline(shown: list[Phase]) -> str:
    """Phases one after the other, each before the room that its limit left."""

    def draw(axes: Axes) -> None:
        start = 0.0
        for row, phase in enumerate(shown):
            if phase.limit_seconds is not None:
                axes.barh(row, phase.limit_seconds, 0.46, start, color=INKS["tint"])
            colour = INKS["alarm" if phase.late else "charge"]
            axes.barh(row, phase.seconds, 0.46, start, color=colour, edgecolor=colour)
            start += phase.seconds
        axes.set_yticks(
            range(len(shown)), [f"{p.name}\n{p.used()}" for p in shown], linespacing=1.35
        )
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("seconds on the host’s clock; pass and replay: box-busy")

    return _svg("timeline", draw, HEIGHT_INCHES - 0.7 * max(0, 3 - len(shown)))


def by_position(bins: tuple[Bin, ...]) -> str:
    """Mean nats by position in the document, charge against reference."""

    def draw(axes: Axes) -> None:
        at = [(part.first * part.last) ** 0.5 for part in bins]
        reference = _values([part.reference_nats for part in bins])
        charge = _values([part.charge_nats for part in bins])
        axes.plot(at, reference, color=INKS["reference"], linestyle=(0, (4, 2)), linewidth=1.4)
        axes.plot(at, charge, color=INKS["charge"], marker="o", markersize=2.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}" if x >= 1 else "")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("position in document (token)")
        axes.set_ylabel("nats per token, mean")
        dearer = bool(charge[-1] > reference[-1])
        _name_end(axes, at, reference, "reference", above=not dearer)
        _name_end(axes, at, charge, "charge", above=dearer)

    return _svg("position", draw)


def by_document(documents: Documents) -> str:
    """Bits per byte of each document, lowest first."""

    def draw(axes: Axes) -> None:
        ranked = documents.ranked
        at = np.linspace(1, documents.count, len(ranked))
        bpb = np.array([document.bpb for document in ranked])
        axes.fill_between(at, 0, bpb, color=INKS["tint"], step="mid", linewidth=0)
        axes.plot(at, bpb, color=INKS["charge"], drawstyle="steps-mid")
        axes.axhline(documents.median_bpb, color=INKS["muted"], linewidth=0.9)
        axes.set_ylim(0, float(bpb.max()) * 1.18 or 1.0)
        axes.set_xlim(0.5, documents.count + 0.5)
        axes.annotate(
            f"median {documents.median_bpb:.4f}",
            (0.02, documents.median_bpb),
            xycoords=("axes fraction", "data"),
            xytext=(0, 4),
            textcoords="offset points",
        )
        axes.plot(at[-1], bpb[-1], "o", color=INKS["charge"], markersize=4)
        axes.annotate(
            f"worst: document {ranked[-1].document}, {bpb[-1]:.4f}",
            (at[-1], bpb[-1]),
            xytext=(-7, 4),
            textcoords="offset points",
            ha="right",
        )
        axes.set_xlabel("documents, from best to worst")
        axes.set_ylabel("bits per byte")

    return _svg("document", draw)


def by_chunk(bins: tuple[Bin, ...]) -> str:
    """What the charge saved over the reference, by chunk of the document, ± 2 standard errors."""

    def draw(axes: Axes) -> None:
        at = [(part.first + part.last) / 2 for part in bins]
        reference = _values([part.reference_nats for part in bins])
        gain = reference - _values([part.charge_nats for part in bins])
        error = 2 * _values([part.gain_error_nats for part in bins])
        axes.fill_between(at, gain - error, gain + error, color=INKS["tint"], linewidth=0)
        axes.axhline(0, color=INKS["muted"], linewidth=0.9)
        axes.plot(at, gain, color=INKS["charge"], marker="o", markersize=2.5)
        axes.set_xlabel("chunk of the document")
        axes.set_ylabel("nats saved per token, mean")

    return _svg("chunk", draw)


def blind_cells(found: Replayed) -> str:
    """Blind cost against charge: the darker, the more targets; deviating ones stand out."""

    def draw(axes: Axes) -> None:
        most = max(targets for _, _, targets, _ in found.cells)
        edge = found.top_nats / CELLS
        near = [(x, y, targets - beyond) for x, y, targets, beyond in found.cells]
        far = [(x, y, beyond) for x, y, _, beyond in found.cells]
        for ink, palest, cells, edged in (("charge", 0.25, near, 0), ("alarm", 0.5, far, 0.6)):
            for x, y, targets in cells:
                if targets:
                    depth = palest + (1 - palest) * np.log1p(targets) / np.log1p(most)
                    square = Rectangle((x * edge, y * edge), edge, edge, linewidth=edged)
                    # framed: told apart in a print without colours too
                    square.set(facecolor=INKS[ink], edgecolor=INKS["ink"], alpha=depth)
                    axes.add_patch(square)
        axes.plot([0, found.top_nats], [0, found.top_nats], color=INKS["muted"], linewidth=0.6)
        axes.set_xlim(0, found.top_nats)
        axes.set_ylim(0, found.top_nats)
        axes.grid(visible=True, axis="both")
        axes.set_xlabel("charge in the pass (nats)")
        axes.set_ylabel("blind cost (nats)")

    return _svg("blind", draw)


def apart(found: Replayed, tau: float | None) -> str:
    """How far blind costs are from charges, in half decades, and the tolerance."""

    def draw(axes: Axes) -> None:
        edges = np.concatenate(
            ([APART_EDGES[0] / 10**0.5], APART_EDGES, [APART_EDGES[-1] * 10**0.5])
        )
        beyond = edges[:-1] >= (np.inf if tau is None else tau * 0.99)
        colours = [INKS["alarm" if far else "charge"] for far in beyond.tolist()]
        axes.bar(
            edges[:-1] * 1.08,
            found.apart,
            edges[1:] * 0.93 - edges[:-1] * 1.08,
            align="edge",
            color=colours,
        )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(0.7, max(10.0, 3.0 * max(found.apart)))
        axes.set_xlim(edges[0], edges[-1])
        axes.set_xticks(
            [edges[0] * 1.8, 1e-6, 1e-4, 1e-2, 1, 100],
            ["equal", "10⁻⁶", "10⁻⁴", "0.01", "1", "100"],
        )
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:,.0f}")
        if tau is not None:
            axes.axvline(tau, color=INKS["ink"], linewidth=1)
            axes.annotate(
                f"τ = {tau:g}",
                (tau, 1),
                xycoords=("data", "axes fraction"),
                xytext=(4, -9),
                textcoords="offset points",
            )
        axes.set_xlabel("|blind cost − charge| (nats)")
        axes.set_ylabel("targets")

    return _svg("apart", draw)


# ---------------------------------------------------------------- one look


def _svg(name: str, draw: Callable[[Axes], None], height: float = HEIGHT_INCHES) -> str:
    """The picture that `draw` makes of empty axes, ready to stand in a page."""
    return drawn(name, lambda figure: draw(figure.add_subplot()), (WIDTH_INCHES, height))


def drawn(name: str, draw: Callable[[Figure], None], inches: tuple[float, float]) -> str:
    """The picture that `draw` makes of an empty figure of that width and height."""
    style = {**_STYLE, "svg.hashsalt": f"golf-verifier/{name}"}
    with matplotlib.style.context(["default", style]):
        figure = Figure(figsize=inches, layout="constrained")
        draw(figure)
        out = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(out, format="svg", metadata=nothing)
    text = out.getvalue()
    text = _REDUNDANT.sub("", text[text.index("<svg") :].rstrip())
    for ink, colour in INKS.items():
        text = text.replace(colour, f"var(--{ink})")
    return text


def renamed(svg: str, prefix: str) -> str:
    """The same picture with `prefix` before every name in it: names are unique within a page."""
    return _NAME.sub(prefix, svg)


def _values(found: Sequence[float | None]) -> np.ndarray:
    """Floats, NaN where there is none: a gap in the line."""
    return np.array([np.nan if value is None else value for value in found])


def _name_end(axes: Axes, at: list[float], values: np.ndarray, name: str, *, above: bool) -> None:
    """A line's name beside its last point, in the ink of that name: no legend to look up."""
    known = np.flatnonzero(np.isfinite(values))
    if len(known):
        place = (at[known[-1]], values[known[-1]])
        offset = (0, 9 if above else -15)
        axes.annotate(
            name, place, xytext=offset, textcoords="offset points", color=INKS[name], ha="right"
        )
