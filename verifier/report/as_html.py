"""How does a report look as a page? One file that asks no server for anything and runs no script.

Whatever is shown passes `legible` and then Jinja's escaping, at one place: `_finalized`. Must never
mark as safe what was not made here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from verifier.policy import Policy
from verifier.records import Answer, EndedBy
from verifier.report import captions, pictures, timeline, words
from verifier.report.harmless import clipped, legible, legible_lines
from verifier.report.leading import deviates, lead
from verifier.report.model import Report, ScriptRun, Seed, Training, Verdict
from verifier.report.phases import phases

PAGES = Path(__file__).resolve().parent / "pages"
LOG_END_LINES = 15
MACHINE = "Time, and what the machine did meanwhile"


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG, what it is called, and what it shows in words."""

    title: str
    svg: Markup
    caption: str
    wide: bool


def page(report: Report) -> str:
    """report.html."""
    template = environment().get_template("report.html")
    first = lead(report)
    return template.render(
        report=report,
        pictures=[drawn(seed, report.policy, i) for i, seed in enumerate(report.seeds)],
        lead=first,
        places=[place for place in captions.places(report) if place not in first.places],
        reasons=words.alike(words.deciding(report.verdict.findings, report.verdict.required)),
    )


def drawn(seed: Seed, policy: Policy | None, place: int) -> list[Picture]:
    """Every picture of the seed at `place` that there is evidence for."""
    found: list[Picture] = []
    for title, svg, caption in _raw(seed, policy):
        named = pictures.renamed(svg, f"s{place}p{len(found)}-")
        labelled = named.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
        found.append(Picture(title, Markup(labelled), caption, title == MACHINE))
    return found


def _raw(seed: Seed, policy: Policy | None) -> Iterator[tuple[str, str, str]]:
    """(title, SVG, caption): titles are ours, and plain text."""
    shown = phases(seed, policy)
    if shown and seed.watched:
        svg = timeline.picture(timeline.placed(shown, seed.watched))
        yield MACHINE, svg, captions.machine(shown, seed.watched, seed.speed)
    elif shown:
        yield "Time on the host’s clock", pictures.timeline(shown), captions.timeline(shown)
    if seed.curves is None:
        return
    tau = None if policy is None else policy.replay.tau_nats
    bins, documents = seed.curves.by_position, seed.curves.by_document
    yield "Cost by position in document", pictures.by_position(bins), captions.by_position(bins)
    if documents is not None:
        title = "Bits per byte by document"
        yield title, pictures.by_document(documents), captions.by_document(documents)
    chunks, replayed = seed.curves.by_chunk, seed.curves.replayed
    if captions.saved(chunks):
        title = "What context and adaptation bought"
        yield title, pictures.by_chunk(chunks), captions.by_chunk(chunks)
    if replayed is not None:
        title = "Replayed against charged"
        yield title, pictures.blind_cells(replayed), captions.blind_cells(replayed)
        title = "How far blind costs are from charges"
        yield title, pictures.apart(replayed, tau), captions.apart(replayed, tau)


# ---------------------------------------------------------------- the one environment


@cache
def environment() -> Environment:
    """Templates that escape everything and know no undefined name."""
    made = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        finalize=_finalized,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals |= {
        "at_bound": _at_bound,
        "answer_glyph": lambda answer: words.ANSWER_GLYPHS[Answer(answer)],
        "outcome_glyph": words.OUTCOME_GLYPHS.__getitem__,
        "deviates": deviates,
        "ended_badly": _ended_badly,
        "figures": words.figures,
        "other_notes": words.other_notes,
        "context_of": words.context,
        "steps": words.STEPS,
    }
    made.filters |= {
        "bpb": words.bpb,
        "clipped": clipped,
        "count": lambda number: f"{number:,}",
        "counted": words.counted,
        "log": _log,
        "log_end": lambda text: _log("\n".join(text.splitlines()[-LOG_END_LINES:])),
        "nats": words.nats,
        "seconds": words.seconds,
        "sentence": words.sentence,
    }
    return made


def _at_bound(number: Seed | Verdict) -> float | None:
    """Bits per byte with the bound on top, where there is one."""
    if number.bpb is None or number.delta_bpb is None:
        return None
    return number.bpb + number.delta_bpb


def _ended_badly(run: Training | ScriptRun | None) -> bool:
    """Whether a reader will want the end of its log at once."""
    if run is None or not run.log:
        return False
    return run.ended_by is not EndedBy.ITSELF or run.exit_code != 0


def _log(text: str) -> Markup:
    return Markup(escape(legible_lines(text)))


def _finalized(value: Any) -> Any:
    """Every expression of a template: text of others becomes legible before it is escaped."""
    return legible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
