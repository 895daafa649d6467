"""How is a fact put into words? The same words on the page, in Markdown and on a terminal.

Must never decide: which audits stand in the way is read off their answers, as the verdict did.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from verifier.records import Answer, Finding, Outcome, Step
from verifier.report.harmless import clipped

if TYPE_CHECKING:
    from verifier.sampling import Bound

ANSWER_GLYPHS = {
    Answer.VERIFIED: "✓",
    Answer.REPRODUCED: "≈",
    Answer.REFUTED: "✗",
    Answer.INCONCLUSIVE: "?",
}
OWN_NUMBER = (
    "The number is the script’s own: it saw the held-out data and scored itself, so it was"
    " reproduced and its behaviour tested, which is less than measured."
)
OUTCOME_GLYPHS = {
    Outcome.KEPT: "✓",
    Outcome.BROKEN: "✗",
    Outcome.UNPROVEN: "?",
    Outcome.NOT_RUN: "–",
}
DIGEST_SHOWN = 12
VALUE_SHOWN = 60

# Broken decides first; what nobody could prove comes before what nobody tried
_ORDER = (Outcome.BROKEN, Outcome.UNPROVEN, Outcome.NOT_RUN, Outcome.KEPT)
_VERBS = {
    Outcome.BROKEN: ("was broken", "were broken"),
    Outcome.UNPROVEN: ("is unproven", "are unproven"),
    Outcome.NOT_RUN: ("was not run", "were not run"),
}
STEPS = {
    Step.AGAIN: "the batch again, same calls",
    Step.AGAIN_TWICE: "the same in one more box",
    Step.OBSERVED_ONLY: "earlier chunks only observed",
    Step.OTHER_LENGTHS: "companions of other lengths",
    Step.RANDOM_COMPANIONS: "companions of random ids",
    Step.EMPTY_COMPANIONS: "no companions",
    Step.BLIND: "blind, token by token",
    Step.EVERY_SYMBOL: "every symbol in the true one’s place",
}
# what a reader looks for first; the rest follows by name, as a ledger keeps no order of figures
_FIRST = (
    "claimed_bpb",
    "measured_bpb",
    "counted_bytes",
    "cap_bytes",
    "seconds_at_most",
    "busy_seconds",
    "limit_seconds",
    "deviating",
    "replayed",
    "mean_nats",
    "largest_nats",
    "worst_share",
    "worst_document",
    "worst_file",
)
_LABELS = {"seconds_at_most": "at most", "seconds_at_least": "at least"}
CONTEXT = "context: "
"""How the note begins that stands beside every number."""
_UNITS = {"bytes": "bytes", "seconds": "s", "nats": "nats", "bpb": "bits per byte"}
_SMALL = 5e-4
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Found(Protocol):
    """An audit's answer, as a record or as a part of a report."""

    @property
    def audit(self) -> str:
        """Its id."""

    @property
    def outcome(self) -> Outcome:
        """What it found."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def advice(self) -> str:
        """What an honest author can do."""


AnyFound = TypeVar("AnyFound", bound=Found)


# ---------------------------------------------------------------- why


def deciding(findings: Sequence[AnyFound], required: Sequence[str]) -> list[AnyFound]:
    """The required findings that are not Kept: Broken, then Unproven, then NotRun."""
    found = [f for f in findings if f.audit in required and f.outcome is not Outcome.KEPT]
    return sorted(found, key=lambda finding: _ORDER.index(finding.outcome))


def alike(findings: Sequence[AnyFound]) -> list[list[AnyFound]]:
    """Findings with the same outcome for the same reason, together: it is said once."""
    groups: dict[tuple[Outcome, str, str], list[AnyFound]] = {}
    for finding in findings:
        same = (finding.outcome, finding.reason, finding.advice)
        groups.setdefault(same, []).append(finding)
    return list(groups.values())


def why(answer: Answer, findings: Sequence[Found], required: Sequence[str]) -> str:
    """One sentence: how the required audits stand."""
    if not required:
        return "The policy requires nothing of this contract, so nothing can be verified."
    outcomes = [finding.outcome for finding in deciding(findings, required)]
    counts = {outcome: outcomes.count(outcome) for outcome in _VERBS}
    parts = [f"{n} {_VERBS[outcome][n > 1]}" for outcome, n in counts.items() if n]
    if parts:
        said = f"Of {counted(len(required), 'required audit')} {listed(parts)}."
    elif len(required) == 1:
        said = "The one required audit was kept."
    else:
        said = f"All {len(required)} required audits were kept."
    # neither a broken rule nor a full house is ever inconclusive by itself
    if answer is Answer.INCONCLUSIVE and (not parts or counts[Outcome.BROKEN]):
        said += " The run does not count: the notes say why."
    return said


def unchecked(findings: Sequence[AnyFound]) -> list[AnyFound]:
    """What nobody looked at."""
    return [finding for finding in findings if finding.outcome is Outcome.NOT_RUN]


def other_notes(notes: Sequence[str]) -> list[str]:
    """The verdict's notes but those that have a place of their own: what was not checked, and the
    context of the number."""
    return [note for note in notes if not note.startswith(("not checked:", CONTEXT))]


def context(notes: Sequence[str]) -> str:
    """The note that says what a token's cost may rest on; "" in a verdict that has none."""
    return next((note for note in notes if note.startswith(CONTEXT)), "")


REPLAYED = ("lookahead", "normalization", "reset", "purity", "determinism")
OPEN = (
    "answers differ where they must not, but it is not proven that this bought a lower cost: that"
    " refutes nobody, and verifies nobody either; mend it all the same"
)


def meaning(finding: Finding) -> str:
    """What Unproven means where something was seen, with its place; "" elsewhere."""
    seen = finding.outcome is Outcome.UNPROVEN and finding.audit in REPLAYED
    return OPEN if seen and "example" in finding.evidence else ""


# ---------------------------------------------------------------- the bound


def bound_sentence(delta_bpb: float, *, confidence: str, slack_nats: float, tau: float) -> str:
    """PROTOCOL §4.6's sentence for a sampled replay; `confidence` as `percent` gives it."""
    return (
        f"With {confidence} confidence, over the verifier’s nonce alone, the score is at most"
        f" {delta_bpb:.4f} bits per byte (δ) below what blind costs, counted up to"
        f" max(reference + {slack_nats:g}, charge + {tau:g}) nats, would have given."
    )


def exact_sentence(delta_bpb: float) -> str:
    """The same where every target was replayed."""
    return (
        "Every target was replayed blind, so nothing rests on chance: the score is at most"
        f" {delta_bpb:.4f} bits per byte (δ) below what blind costs would have given."
    )


def blind_spot(bounds: Sequence[Bound]) -> str:
    """What the bound does not see, as estimated from each seed's draws (PROTOCOL §4.6)."""
    above = listed([f"{bound.above_reference_nats:.4f}" for bound in bounds])
    capped = listed([f"{bound.above_cap_nats:.4f}" for bound in bounds])
    each = ", seed by seed" if len(bounds) > 1 else ""
    return (
        f"The bound’s blind spot, estimated over the draws{each}: blind costs exceeded reference +"
        f" slack by {above} nats a target on average, and the cap itself by {capped}."
    )


def percent(confidence: float) -> str:
    """0.9995 → "99.95 %": up to two digits after the nines, so that it never reads 100 %."""
    digits = max(1, -math.floor(math.log10(1 - confidence)) - 1)
    return f"{100 * confidence:.{digits}f}".rstrip("0").rstrip(".") + " %"


# ---------------------------------------------------------------- figures


def figures(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what, how much) of a finding, in words and with units; what has no value is left out."""

    def rank(key: str) -> tuple[int, str]:
        return (_FIRST.index(key) if key in _FIRST else len(_FIRST), key)

    found = []
    for key in sorted(evidence, key=rank):
        value = evidence[key]
        if key == "seeds" and isinstance(value, Mapping) and len(value) == 1:
            continue  # the one seed's answer is the audit's
        if key == "example":
            continue  # the reason says it in words
        if said := _value(key, value):
            unit = key.rpartition("_")[2]
            name = key.removesuffix(f"_{unit}") if unit in _UNITS else key
            found.append((_LABELS.get(key, name.replace("_", " ")), said))
    return found


def figures_line(evidence: Mapping[str, Any]) -> str:
    """The same on one line, long values cut short."""
    return " · ".join(f"{name} {clipped(value, VALUE_SHOWN)}" for name, value in figures(evidence))


def _value(key: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return quantity(key, value)
        case str():
            return f"{value[:DIGEST_SHOWN]}…" if _DIGEST.fullmatch(value) else value
        case Mapping():
            return ", ".join(f"{k}: {_value(k, v)}" for k, v in value.items()) if value else ""
        case _:
            return ", ".join(said for item in value if (said := _value(key, item)))


def quantity(key: str, value: float) -> str:
    """A number with the unit that its name ends in."""
    unit = key.rpartition("_")[2]
    match unit:
        case "share":
            return f"{value:.1%}"
        case "seconds":
            return seconds(value)
        case "nats":
            return nats(value)
        case "bpb":
            return f"{value:.4f} {_UNITS[unit]}"
        case "most" | "least" if "seconds" in key:
            return seconds(value)
    if unit == "p" and value == 0:
        return "below 1e-300"
    said = f"{value:,}" if isinstance(value, int) else f"{value:.3g}"
    return f"{said} {_UNITS[unit]}" if unit in _UNITS else said


def seconds(value: float | None) -> str:
    """59.83 → "59.8 s"; 300.0 → "300 s"; None → "–"."""
    if value is None:
        return "–"
    said = f"{value:.2f}" if abs(value) < 10 else f"{value:,.1f}"
    return f"{said.rstrip('0').rstrip('.')} s"


def nats(value: float | None) -> str:
    """0.1342 → "0.1342 nats"; tiny ones keep their size; None → "no number"."""
    if value is None:
        return "no number"
    said = f"{value:.1e}" if 0 < abs(value) < _SMALL else f"{value:.4f}"
    return f"{said} nats"


def bpb(value: float | None) -> str:
    """Four digits, or a dash."""
    return "–" if value is None else f"{value:.4f}"


def counted(count: int, what: str) -> str:
    """3, "target" → "3 targets"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def listed(parts: Sequence[str]) -> str:
    """a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def sentence(said: str) -> str:
    """`said` with a capital and a full stop, unless it ends in a mark already."""
    begun = said[:1].upper() + said[1:]
    return begun if not begun or begun[-1] in ".!?…:" else f"{begun}."
