"""Are counts mixed into the score for the one token that occurred, instead of a distribution? (C2)

A table keyed by a hash of context *and* target answers for the target alone: summed over the
vocabulary, collisions make its answers far more than 1. Must stay silent on tables keyed by the
context only (a row per context, an embedding), and on code that the entry does not reach.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from verifier.screening.dataflow import Estimate, Observed, Place, follow
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.claimed_run import left_out
from verifier.screening.rules.places import at
from verifier.screening.rules.running import seen_above, seen_running
from verifier.source.program import Function, Program
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
WEIGHED = Rule(
    id="cache-weighed-by-outcome",
    sentence="The weight of a cache depends on how probable the model held what then occurred.",
    clause="C1, C2",
    at_most=Confidence.VIOLATION,
    classes=("NGRAM_HINDSIGHT",),
    clear="Weigh by what is known before the token: the entropy of the whole distribution, counts.",
)
SEEN = Rule(
    id="cache-if-target-seen",
    sentence="A cache is mixed in only where it has counted the very token that occurred.",
    clause="C1, C2",
    at_most=Confidence.VIOLATION,
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
RULES = (HASHED, COUNTED, CHOSEN, WEIGHED, SEEN, EXPERT, UNSHIPPED)

_SHOWN = 6
_CLAIMED = re.compile(
    r"n-?gram[\w -]{0,30}(?:cache|oracle|backoff|back-off|mixer|tables?)\b", re.IGNORECASE
)
_DENIED = re.compile(r"\b(?:no|not|without|instead of|removed?|never|dropp?ed|vs\.?)\b", re.I)
_IN_SOURCE = re.compile(r"n_?gram", re.IGNORECASE)
_IMPOSSIBLE_BPB = 0.9
_BPB = re.compile(r"\bval_bpb[\"*`]{0,4}\s*[:=|]\s*[*`~]{0,3}\s*(\d\.\d{2,8})")


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something that counts where all of `needs` are live; `shown` is what a person looks at."""

    needs: tuple[Place, ...]
    shown: tuple[Place, ...]


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of all rules of this family."""
    judge = _Judge(program, tree)
    yield from _hashed(judge)
    yield from judge.says(
        COUNTED,
        lambda seen: _scored(seen, lambda one: one.read.exact),
        "the count of the target in its context's row becomes part of its probability",
    )
    yield from judge.says(
        CHOSEN,
        lambda seen: [Sighting((place,), (place,)) for place in seen.chosen],
        "the cache counts only where the token that occurred gains by it",
        "the source could use a cache only where the token that occurred gains by it",
    )
    yield from judge.says(
        WEIGHED,
        lambda seen: [Sighting((place,), (place,)) for place in seen.weighed],
        "the weight of the cache is made of the loss of the token that occurred",
    )
    yield from _seen(judge)
    yield from judge.says(
        EXPERT,
        lambda seen: [Sighting((stack, log), (stack,)) for stack, log in seen.experts.items()],
        "an entropy is one of the experts whose losses are mixed",
        "the source could mix an entropy as one of the experts",
    )
    if not judge.observed.estimates:
        yield from _unshipped(program, tree)


def _seen(judge: _Judge) -> Iterator[Remark]:
    """A violation where the model's own probability stands in whole for what was not seen.

    A byte model that escapes to a shorter context leaves that out too, and keeps a share for it.
    """
    found = list(
        judge.says(
            SEEN,
            lambda seen: [Sighting((place,), (place,)) for place in seen.withheld],
            "the cache takes its share only where it has seen the token that occurred",
        )
    )
    yield from found or judge.says(
        replace(SEEN, at_most=Confidence.REVIEW),
        lambda seen: [Sighting((place,), (place,)) for place in seen.present],
        "the cache is left out where it has not seen the token that occurred",
    )


def _scored(observed: Observed, kind: Callable[[Estimate], bool]) -> list[Sighting]:
    """Estimates that reach a logarithm: the quotient, and the count that was looked up."""
    return [
        Sighting((one.place, log), (one.read.place, one.place))
        for one, logs in observed.estimates.items()
        for log in logs
        if kind(one)
    ]


def _looked_up(observed: Observed) -> list[Sighting]:
    """Counts under a hash that holds more than another, whatever becomes of them."""
    places = [one.place for one in observed.estimates if not one.read.exact]
    places += [read.place for read in observed.wide]
    return [Sighting((place,), (place,)) for place in places]


def _hashed(judge: _Judge) -> Iterator[Remark]:
    """A violation where the quotient becomes the score; else where such counts are looked up."""
    found = list(
        judge.says(
            HASHED,
            lambda seen: _scored(seen, lambda one: not one.read.exact and not one.loose),
            "the counts of context and target are divided and the quotient becomes the score",
        )
    )
    yield from found or judge.says(
        replace(HASHED, at_most=Confidence.REVIEW),
        _looked_up,
        "counts are looked up under a hash of context and another token",
        "the source can look counts up under a hash of context and target; not by default",
    )


class _Judge:
    """Says a rule as strongly as it may where a sighting is live, or a log shows it running."""

    def __init__(self, program: Program, tree: Tree) -> None:
        self.program = program
        self.tree = tree
        self.observed = follow(program)
        self.silent: dict[Function, bool] = {}

    @cached_property
    def whole(self) -> Observed:
        """What would be seen if the settings ruled no branch out."""
        seen = self.observed
        open_ends = not all(seen.estimates.values()) or (seen.wide and not seen.estimates)
        return follow(self.program, whole=True) if open_ends else seen

    def says(
        self,
        rule: Rule,
        sightings: Callable[[Observed], list[Sighting]],
        said: str,
        otherwise: str = "",
    ) -> Iterator[Remark]:
        """At most one remark; a note saying `otherwise`, if anything, where nothing is live."""
        live = [one for one in sightings(self.observed) if all(map(self._live, one.needs))]
        ran_live = [one for one in live if not any(map(self._left_out, one.needs))]
        if ran_live:
            yield _remark(rule, rule.at_most, said, self._locations(ran_live))
            return
        if live:
            words = f"{said}; the logs do not show it running"
            yield _remark(rule, Confidence.NOTE, words, self._locations(live))
            return
        possible = sightings(self.observed) or sightings(self.whole)
        ran = self._ran(possible)
        if ran is not None:
            places = (ran, *self._locations(possible))
            yield _remark(rule, rule.at_most, f"{said}, as the log shows", places)
        elif possible and otherwise:
            yield _remark(rule, Confidence.NOTE, otherwise, self._locations(possible))

    def _live(self, place: Place) -> bool:
        return self.program.live(place.function, place.node)

    def _left_out(self, place: Place) -> bool:
        if place.function not in self.silent:
            self.silent[place.function] = left_out(self.program, place.function, self.tree)
        return self.silent[place.function]

    def _ran(self, sightings: list[Sighting]) -> Location | None:
        """The line of a log that only ruled-out code of their functions prints."""
        functions = dict.fromkeys(place.function for one in sightings for place in one.needs)
        for look in (seen_running, seen_above):
            for function in functions:
                place = look(self.program, function, self.tree)
                if place is not None:
                    return place
        return None

    def _locations(self, sightings: list[Sighting]) -> tuple[Location, ...]:
        places = dict.fromkeys(place for one in sightings for place in one.shown)
        found = [at(self.program, place.function, place.node) for place in places]
        return tuple(dict.fromkeys(found))[:_SHOWN]


def _unshipped(program: Program, tree: Tree) -> Iterator[Remark]:
    """A score no model reaches, a README that names the cache, and a source that has none."""
    path = next((each for each in tree.paths if each.lower() == "readme.md"), "")
    text = tree.text(path) or ""
    score = _BPB.search(tree.text("submission.json") or "") or _BPB.search(text)
    if score is None or float(score.group(1)) >= _IMPOSSIBLE_BPB:
        return
    if any(_IN_SOURCE.search(unit.text) for unit in program.units):
        return
    for number, row in enumerate(text.split("\n"), 1):
        if len(row) < 2_000 and _CLAIMED.search(row) and not _DENIED.search(row):
            place = Location(path=path, line=number, text=row.strip()[:200])
            said = f"the README names the cache behind {score.group(1)}; no shipped source has it"
            yield _remark(UNSHIPPED, Confidence.REVIEW, said, (place,))
            return


def _remark(
    rule: Rule, confidence: Confidence, said: str, locations: tuple[Location, ...]
) -> Remark:
    return Remark(rule=rule.id, confidence=confidence, said=said, locations=locations)
