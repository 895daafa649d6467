"""What must a reader know first? The rule that stands in the way, the place, and where to look.

Read off the verdict's own order: what was broken comes before what nobody could prove. Must never
say more than the report's findings, notes and curves do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verifier.report import captions, words
from verifier.report.model import Finding, Report, Seed

MACHINE = "the machine was at fault"
SCORER = "protocol"
# audits that rest on blind costs: what the page shows of those is their evidence
REPLAYED = frozenset({"determinism", "purity", "reset", "lookahead", "normalization"})
_SECTIONS = {
    "artifact-size": ("size", "what was weighed"),
    "secrecy": ("size", "what was scanned"),
    "train-budget": ("pictures", "the clock"),
    "score-budget": ("pictures", "the clock"),
    "claim": ("number", "the number"),
    "record": ("number", "the number"),
    "isolation": ("walls", "the walls"),
    "fairness": ("machine", "the machine"),
    SCORER: ("said", "what the scorer said"),
}


@dataclass(frozen=True, slots=True)
class Lead:
    """The first findings of the verdict, alike in outcome and reason, or the machine's fault.

    `findings` is empty where nothing required stands in the way. `links` are (name within the
    page, words); `more` counts the required findings that are not Kept and not among `findings`.
    """

    findings: tuple[Finding, ...]
    said: tuple[str, ...]
    places: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    more: int


def lead(report: Report) -> Lead:
    """What stands at the top of the page."""
    verdict = report.verdict
    faults = tuple(note for note in verdict.notes if note.startswith(MACHINE))
    groups = words.alike(words.deciding(verdict.findings, verdict.required))
    if faults:
        stated = sum(map(len, groups))
        return Lead((), faults, (), (("why", "why the run does not count"),), stated)
    if not groups:
        return Lead((), (verdict.why,), (), (("audits", "every audit"),), 0)
    first = tuple(groups[0])
    return Lead(
        findings=first,
        said=(first[0].reason,),
        places=tuple(_places(report, first)),
        links=tuple(_links(report, first)),
        more=sum(map(len, groups[1:])),
    )


def _places(report: Report, found: Sequence[Finding]) -> Iterator[str]:
    """Document, position and both costs, where the reason does not name them already."""
    if "example" not in found[0].evidence and any(each.audit in REPLAYED for each in found):
        yield from captions.apart_places(report)
    if any(each.audit == SCORER for each in found):
        yield from captions.fault_places(report)


def _links(report: Report, found: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """The evidence: each one click away, and none that leads nowhere."""
    audits = {each.audit for each in found}
    yield f"audit-{found[0].audit}", "the audit’s figures"
    if audits & REPLAYED:
        for place, seed in enumerate(report.seeds):
            if deviates(seed):
                yield f"deviations-{place}", "the largest deviations"
                break
        for place, seed in enumerate(report.seeds):
            if seed.chain:
                yield f"chain-{place}", "the chain of fresh boxes"
                break
    shown = {_SECTIONS[audit]: None for audit in sorted(audits & _SECTIONS.keys())}
    for name, words_of in shown:
        if name != "said" or any(fault.message for seed in report.seeds for fault in seed.faults):
            yield name, words_of
    if any(seed.training is not None or seed.script is not None for seed in report.seeds):
        yield "logs", "the logs"


def deviates(seed: Seed) -> bool:
    """Whether the page has a table of this seed's largest deviations."""
    replayed = seed.curves.replayed if seed.curves is not None else None
    return replayed is not None and bool(replayed.beyond_tau)
