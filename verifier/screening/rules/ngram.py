"""Are counts mixed into the score for the one token that occurred, instead of a distribution? (C2)

A table keyed by a hash of context *and* target answers for the target alone: summed over the
vocabulary, collisions make its answers far more than 1. Must stay silent on tables keyed by the
context only (a row per context, an embedding), and on code that the entry does not reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from verifier.screening.dataflow import Estimate, Observed, Place, follow
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.running import seen_running
from verifier.source.program import Program
from verifier.source.tree import Tree

HASHED = Rule(
    id="target-in-hash",
    sentence=(
        "Counts are looked up under a hash that holds the token being scored, and only that "
        "token's probability is mixed."
    ),
    clause="C2",
    at_most=Confidence.VIOLATION,
    classes=("NGRAM_HASH",),
    clear=(
        "Key the tables by the context alone and keep a count for every token, or give every "
        "token of the vocabulary its mixed probability and divide by their sum."
    ),
)
COUNTED = Rule(
    id="target-count-mixed",
    sentence="An n-gram count of the token being scored is mixed into its probability alone.",
    clause="C2",
    at_most=Confidence.REVIEW,
    classes=("NGRAM_HASH",),
    clear=(
        "Show that the mixture is a distribution over the vocabulary before the token is known: "
        "compute it for every token, or prove that weights and back-off depend on the context only."
    ),
)
CHOSEN = Rule(
    id="cache-chosen-by-outcome",
    sentence="A cache is used only where it makes the token that occurred more probable.",
    clause="C1, C4",
    at_most=Confidence.VIOLATION,
    classes=("NGRAM_HINDSIGHT",),
    clear="Choose by what is known before the token: counts, entropy, the length of the match.",
)
SEEN = Rule(
    id="cache-if-target-seen",
    sentence="A cache is mixed in only where it has counted the very token that occurred.",
    clause="C1, C2",
    at_most=Confidence.REVIEW,
    classes=("NGRAM_HINDSIGHT",),
    clear="Mix wherever the context was counted, with what the cache gives a token it never saw.",
)
EXPERT = Rule(
    id="expert-no-distribution",
    sentence="An entropy stands among the experts of a mixture; e to its negative is no "
    "distribution over the vocabulary.",
    clause="C2",
    at_most=Confidence.VIOLATION,
    classes=("MIXER_NONNORM",),
    clear="Mix probability distributions only; use an entropy to weigh them, not as one of them.",
)
UNSHIPPED = Rule(
    id="cache-not-in-source",
    sentence="The README scores with an n-gram cache that the shipped source does not have.",
    clause="C2, R9",
    at_most=Confidence.REVIEW,
    classes=("NGRAM_HASH", "CODE_MISMATCH"),
    clear="Ship the script that made the logs.",
)
RULES = (HASHED, COUNTED, CHOSEN, SEEN, EXPERT, UNSHIPPED)

_SHOWN = 6
_CLAIMED = re.compile(
    r"n-?gram[\w -]{0,30}(?:cache|oracle|backoff|back-off|mixer|tables?)\b", re.IGNORECASE
)
_DENIED = re.compile(r"\b(?:no|not|without|instead of|removed?|never|dropp?ed|vs\.?)\b", re.I)
_IMPOSSIBLE_BPB = 0.9
_BPB = re.compile(r"\bval_bpb[\"*`]{0,4}\s*[:=|]\s*[*`~]{0,3}\s*(\d\.\d{2,8})")


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of all rules of this family."""
    observed = follow(program)
    hashed = {one: at for one, at in observed.estimates.items() if not one.read.exact}
    exact = {one: at for one, at in observed.estimates.items() if one.read.exact}
    yield from _hashed(program, tree, observed, hashed)
    yield from _counted(program, tree, exact)
    if observed.chosen:
        live = [place for place in observed.chosen if _live(program, place)]
        seen_ = (seen_running(program, place.function, tree) for place in observed.chosen)
        ran = None if live else next((place for place in seen_ if place is not None), None)
        yield _remark(
            CHOSEN,
            Confidence.VIOLATION if live or ran is not None else Confidence.NOTE,
            "the cache counts only where the token that occurred gains by it",
            (*([ran] if ran is not None else []), *_locations(program, live or observed.chosen)),
        )
    seen = [place for place in observed.present if _live(program, place)]
    if seen:
        said = "the cache is left out where it has not seen the token that occurred"
        yield _remark(SEEN, Confidence.REVIEW, said, _locations(program, seen))
    if observed.experts:
        live = [
            one
            for one, log in observed.experts.items()
            if _live(program, one) and _live(program, log)
        ]
        yield _remark(
            EXPERT,
            Confidence.VIOLATION if live else Confidence.NOTE,
            "an entropy is one of the experts whose losses are mixed",
            _locations(program, live or observed.experts),
        )
    if not observed.estimates:
        yield from _unshipped(program, tree)


def _hashed(
    program: Program,
    tree: Tree,
    observed: Observed,
    estimates: dict[Estimate, tuple[Place, ...]],
) -> Iterator[Remark]:
    scored = [one for one, at in estimates.items() if at and not one.loose]
    live = [
        one
        for one in scored
        if _live(program, one.place) and any(_live(program, at) for at in estimates[one])
    ]
    if live:
        places = [place for one in live for place in (one.read.place, one.place)]
        said = "the counts of context and target are divided and the quotient becomes the score"
        yield _remark(HASHED, Confidence.VIOLATION, said, _locations(program, places))
        return
    for one in scored:
        ran = _ran(program, tree, one, estimates[one])
        if ran is not None:
            said = "a hash of context and target is looked up in code that the log shows running"
            places_ = _locations(program, [one.read.place, one.place])
            yield _remark(HASHED, Confidence.VIOLATION, said, (ran, *places_))
            return
    unscored = [one.place for one, at in estimates.items() if one.loose or not at]
    unscored += [read.place for read in observed.wide]
    open_ = [place for place in unscored if _live(program, place)]
    if open_:
        said = "counts are looked up under a hash of context and another token"
        yield _remark(HASHED, Confidence.REVIEW, said, _locations(program, open_))
    elif estimates or observed.wide:
        said = "the source can look counts up under a hash of context and target; not by default"
        places = [one.place for one in estimates] or [read.place for read in observed.wide]
        yield _remark(HASHED, Confidence.NOTE, said, _locations(program, places))


def _counted(
    program: Program, tree: Tree, estimates: dict[Estimate, tuple[Place, ...]]
) -> Iterator[Remark]:
    live = [
        one.place
        for one, at in estimates.items()
        if _live(program, one.place) and any(_live(program, log) for log in at)
    ]
    if live:
        said = "the count of the target in its context's row becomes part of its probability"
        yield _remark(COUNTED, Confidence.REVIEW, said, _locations(program, live))
        return
    for one, at in estimates.items():
        ran = _ran(program, tree, one, at)
        if ran is not None:
            said = "a count of the target is mixed in code that the log shows running"
            yield _remark(
                COUNTED, Confidence.REVIEW, said, (ran, *_locations(program, [one.place]))
            )
            return


def _ran(
    program: Program, tree: Tree, estimate: Estimate, logs: tuple[Place, ...]
) -> Location | None:
    """The line of a log that only the estimate's function, or one that scores it, prints."""
    functions = dict.fromkeys([estimate.place.function, *(place.function for place in logs)])
    seen = (seen_running(program, function, tree) for function in functions)
    return next((place for place in seen if place is not None), None)


def _unshipped(program: Program, tree: Tree) -> Iterator[Remark]:
    """A score no model reaches, a README that names the cache, and a source that has none."""
    path = next((each for each in tree.paths if each.lower() == "readme.md"), "")
    text = tree.text(path) or ""
    score = _BPB.search(tree.text("submission.json") or "") or _BPB.search(text)
    if score is None or float(score.group(1)) >= _IMPOSSIBLE_BPB:
        return
    if any(re.search(r"n_?gram", unit.text, re.IGNORECASE) for unit in program.units):
        return
    for number, row in enumerate(text.split("\n"), 1):
        if len(row) < 2_000 and _CLAIMED.search(row) and not _DENIED.search(row):
            place = Location(path=path, line=number, text=row.strip()[:200])
            said = f"the README names the cache behind {score.group(1)}; no shipped source has it"
            yield _remark(UNSHIPPED, Confidence.REVIEW, said, (place,))
            return


def _live(program: Program, place: Place) -> bool:
    return program.live(place.function, place.node)


def _locations(program: Program, places: Iterable[Place]) -> tuple[Location, ...]:
    found = dict.fromkeys(
        Location(**program.location(place.function, place.node))  # type: ignore[arg-type]
        for place in places
    )
    return tuple(found)[:_SHOWN]


def _remark(
    rule: Rule, confidence: Confidence, said: str, locations: tuple[Location, ...]
) -> Remark:
    return Remark(rule=rule.id, confidence=confidence, said=said, locations=locations)
