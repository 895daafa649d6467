"""How is one submission read, when it may hang or kill whoever reads it?

As in a triage: in a process of its own that is ended after a time, and may grow by so much. What
could not be read is a screening too: it says so, and asks for a person (laws 4 and 5). Must never
hand back less than what was asked for without saying so, nor lose a fault of ours among theirs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from verifier.errors import MachineFault, VerifierError
from verifier.history.rules import NOT_SCREENED
from verifier.history.workers import LIMIT_SECONDS, Answered, Begins, Lost, Read, read_all
from verifier.policy import Policy
from verifier.screening.finding import Confidence, Remark
from verifier.screening.screen import screen
from verifier.screening.screened import Answer, Screening
from verifier.screening.written import Mismatch, from_json, to_json
from verifier.submission.pull_request import PullRequest
from verifier.submission.submitted import Candidate, candidates

OTHERS_SAID = 3


@dataclass(frozen=True, slots=True)
class Alone:
    """The submission's screening, and sentences about it and whatever else was named with it."""

    screening: Screening
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _One:
    """What came of one candidate."""

    screening: Screening
    notes: tuple[str, ...] = ()


def read_alone(reference: str, policy: Policy, *, seconds: float = LIMIT_SECONDS) -> Alone:
    """Screen what `reference` names, each candidate within `seconds`.

    Raises RequestError when there is no such thing, NothingSubmitted when it adds no submission,
    MachineFault when the machine cannot read it.
    """
    with candidates(reference) as found:
        if found.fault:
            return Alone(
                unread("", found.fault), tuple(found.request.notes if found.request else ())
            )
        asked = found.candidates[: 1 + OTHERS_SAID]
        first, *others = _read(asked, policy, seconds)
    said = [*first.notes, *_about(found.request)]
    for candidate, other in zip(asked[1:], others, strict=True):
        said.append(f"{candidate.folder}, another candidate: {other.screening.answer.value}")
    return Alone(first.screening, tuple(said))


def unread(folder: str, why: str) -> Screening:
    """The screening of what could not be read: a person must look."""
    remark = Remark(rule=NOT_SCREENED.id, confidence=Confidence.REVIEW, said=why, locations=())
    return Screening(
        folder=folder,
        digest="",
        answer=Answer.REVIEW,
        claimed=None,
        logs=(),
        weights=None,
        entry="",
        command="",
        remarks=(remark,),
    )


def _about(request: PullRequest | None) -> list[str]:
    if request is None:
        return []
    touched = ", ".join(request.others[:OTHERS_SAID])
    return [*request.notes, *([f"it also touches {touched}"] if touched else [])]


def _read(asked: Sequence[Candidate], policy: Policy, seconds: float) -> list[_One]:
    """Each candidate in turn; forked, so that what was opened here is open there."""

    def open_reader(_: str) -> Read:
        return lambda job: _answer(asked[int(job)], policy)

    jobs = [str(number).encode() for number in range(len(asked))]
    answers = read_all(
        jobs, open_reader, "", readers=1, limit_seconds=seconds, begins=Begins.FORKED
    )
    return [_taken(asked[answer.job].folder, answer, seconds) for answer in answers]


def _answer(candidate: Candidate, policy: Policy) -> bytes:
    """In the reader: what it read, or what of ours failed."""
    try:
        contents = candidate.load()
        screening = screen(
            contents.tree,
            folder=candidate.folder,
            digest=contents.digest,
            policy=policy,
            refused=tuple(map(str, contents.objections)),
        )
    except VerifierError as ours:
        return json.dumps({"failed": ours.message, "remedy": ours.remedy}).encode()
    notes = [*contents.notes, *map(str, contents.objections)]
    return json.dumps({"notes": notes, "screening": to_json(screening)}).encode()


def _taken(folder: str, answer: Answered | Lost, seconds: float) -> _One:
    if isinstance(answer, Lost):
        why = f" within {seconds:g} s" if answer.late else f": {answer.why}"
        return _One(unread(folder, f"could not be screened{why}"))
    try:
        said = json.loads(answer.content)
        if "failed" in said:
            raise MachineFault(str(said["failed"]), remedy=str(said["remedy"]))
        return _One(from_json(Screening, said["screening"]), tuple(map(str, said["notes"])))
    except (ValueError, KeyError, TypeError, Mismatch) as wrong:
        why = f"could not be screened: the reader's answer cannot be read: {wrong}"
        return _One(unread(folder, why))
