"""How does an unmodified script behave when the held-out data changes? The order of its runs.

1. toy: which settings make it small
2. base and future, side by side: one stream, and one that is another from the cut on
3. tempting: a source full of repeats, drawn again where its number is unexplained; timed, against
   the clock, where training data are used late; past, where resets are demanded; repeated, where
   two runs must be told from chance; ranks, as some switches need several
4. conditions: what the runs show beside each other
5. answer: REFUTED for any violation, CLEAN where everything was tested, else INCONCLUSIVE

Must never answer CLEAN for what was not tested.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from pathlib import Path

from verifier.records import EndedBy, Outcome, Tested
from verifier.shadow import retry
from verifier.shadow.evidence import Evidence
from verifier.shadow.judging import artifacts_differ, asked, moved, switched_on
from verifier.shadow.record import Behaviour, Conclusion, Shadowed
from verifier.shadow.running import Result, Stage
from verifier.shadow.runs import ITERATIONS, Runs, Subject
from verifier.shadow.saved import below_the_source
from verifier.shadow.toy import Toy, find_toy
from verifier.source import Program
from verifier.watch import Progress, Watch

SEED_BITS = 96


def shadow(
    subject: Subject, stage: Stage, scratch: Path, watch: Watch, seed: int | None = None
) -> Shadowed:
    """The behaviour of one script. `scratch` is an empty folder; what runs leave stays there.

    `seed` draws the documents; None: one that nobody knows before, which a proof needs. With the
    seed of an earlier answer its counterexample comes out again.

    Raises what the sandbox raises, and StorageFault; never because of what the script did.
    """
    began = time.monotonic()
    drawn = secrets.randbits(SEED_BITS) if seed is None else seed
    with watch.phase("shadow runs", None) as progress:
        runs, evidence = _runs(subject, stage, scratch, drawn, progress)
    conclusions = () if evidence is None else _conclusions(evidence)
    missing = _missing(runs, evidence)
    return Shadowed(
        answer=_answer(conclusions, missing),
        conclusions=conclusions,
        tested=() if evidence is None else _tested(evidence),
        missing=missing,
        conditions=_conditions(runs, evidence, missing),
        artifact=() if evidence is None else evidence.base.artifact,
        opened=() if evidence is None else evidence.base.read_of_its_own,
        elsewhere=() if evidence is None else evidence.base.read_elsewhere,
        notes=_notes(runs),
        runs=tuple(result.ran for result in runs.done),
        entry=subject.program.launch.script,
        command=subject.program.launch.command,
        kept=runs.toy.kept,
        scaled={
            name: (str(change.before), str(change.after))
            for name, change in runs.toy.scaled.items()
        },
        seed=drawn,
        seconds=round(time.monotonic() - began, 2),
    )


def _runs(
    subject: Subject, stage: Stage, scratch: Path, seed: int, progress: Progress
) -> tuple[Runs, Evidence | None]:
    """Make the script small until it prints a score, then every run that its first ones ask for."""
    chosen = find_toy(subject.program)
    for attempt in range(retry.TRIES):
        folder = scratch / f"{attempt + 1}"
        folder.mkdir()
        runs = Runs(subject, stage, chosen, folder, seed, progress)
        base, future = runs.run("base", "future")
        if base.whole and future.whole:
            break
        better = _better(subject.program, chosen, future if base.whole else base, attempt + 1)
        if better is None:
            if base.finished and future.finished:
                break
            return runs, None
        chosen = better
    evidence = Evidence(
        world=runs.world,
        base=base,
        future=future,
        cut=runs.cut,
        window=chosen.sequence,
        resets=subject.resets,
    )
    return runs, _further(runs, evidence)


def _better(program: Program, chosen: Toy, failed: Result, tries: int) -> Toy | None:
    """Other sizes for a script that printed no score, by what it said or how it was ended."""
    if failed.end.ended_by is EndedBy.ITSELF:
        return retry.next_toy(program, chosen, failed.tail, tries)
    return retry.shorter(program, chosen, tries)


def _further(runs: Runs, evidence: Evidence) -> Evidence:
    """What only some scripts need, one after the other until something is violated.

    The tempting source, a run against the clock, several ranks, and a repetition where two runs
    must be told from chance.
    """
    notes = evidence.base.notes
    late = notes is not None and notes.late_training > 0 and ITERATIONS in runs.toy.environment
    if not any(below_the_source(evidence)):
        variants = ["tempting", *(["timed"] if late else [])]
        made = dict(zip(variants, runs.run(*variants), strict=True))
        evidence = replace(evidence, tempting=made["tempting"], timed=made.get("timed"))
    if switched_on(evidence) and not _conclusions(evidence):
        evidence = replace(evidence, tempted=runs.run("tempted")[0])
    if evidence.resets and not _conclusions(evidence):
        evidence = replace(evidence, past=runs.run("past")[0])
    differs = moved(evidence)
    if artifacts_differ(evidence) or (differs is not None and len(differs.places) > 0):
        evidence = replace(evidence, repeated=runs.run("repeated")[0])
    if runs.toy.ranks > 1 and not _conclusions(evidence):
        evidence = replace(evidence, ranks=runs.run("ranks")[0])
    return evidence


def _conclusions(evidence: Evidence) -> tuple[Conclusion, ...]:
    conditions = asked(evidence.resets)
    return tuple(found for condition in conditions for found in condition.find(evidence))


def _tested(evidence: Evidence) -> tuple[str, ...]:
    """What was tested and held."""
    return tuple(
        condition.holds
        for condition in asked(evidence.resets)
        if condition.testable(evidence) and not any(condition.find(evidence))
    )


def _missing(runs: Runs, evidence: Evidence | None) -> tuple[str, ...]:
    """Why the answer cannot be CLEAN, in sentences."""
    if evidence is None:
        last = next((each for each in reversed(runs.done) if not each.finished), runs.done[-1])
        return (f"no final score was printed {last.last_words}",)
    untested = [
        condition.holds
        for condition in asked(evidence.resets)
        if not condition.testable(evidence) and not any(condition.find(evidence))
    ]
    base = evidence.base
    if switched_on(evidence):
        untested.insert(
            0, "what makes up its number on random documents does not where text repeats"
        )
    if not base.is_claimed:
        untested.insert(0, f"what it claims ({runs.label}) was not printed {base.last_words}")
    elif not base.whole:
        untested.insert(0, f"it failed after its last score {base.last_words}")
    return tuple(untested)


def _conditions(
    runs: Runs, evidence: Evidence | None, missing: tuple[str, ...]
) -> tuple[Tested, ...]:
    """Each condition's own word; where the claimed score was not printed well, none is kept."""
    if evidence is None:
        return tuple(
            Tested(condition=each.id, outcome=Outcome.UNPROVEN, clause="", said=missing[0])
            for each in asked(runs.resets)
        )
    tested = tuple(each.test(evidence) for each in asked(evidence.resets))
    if evidence.base.whole:
        return tested
    return tuple(
        replace(each, outcome=Outcome.UNPROVEN, said=missing[0])
        if each.outcome is Outcome.KEPT
        else each
        for each in tested
    )


def _answer(conclusions: tuple[Conclusion, ...], missing: tuple[str, ...]) -> Behaviour:
    if conclusions:
        return Behaviour.REFUTED
    return Behaviour.INCONCLUSIVE if missing else Behaviour.CLEAN


def _notes(runs: Runs) -> tuple[str, ...]:
    """What a reader should know beside the answer."""
    said: list[str] = []
    if runs.named:
        named = ", ".join(runs.named)
        said.append(f"Turned on, since the title names it and no command does: {named}.")
    if runs.toy.unset:
        said.append(f"Sizes in its text, left as they are: {', '.join(runs.toy.unset)}.")
    if left := [each for each in runs.toy.off if each not in runs.named]:
        off = ", ".join(left)
        said.append(f"Off, as the submission documents it, so that nothing is said of it: {off}.")
    for result in runs.done[:1]:
        notes = result.notes
        if notes is None:
            said.append("The recorder left no notes.")
            continue
        if notes.newer:
            said.append(f"Lines that need Python 3.12, read as 3.12 reads them: {notes.newer}.")
        said += [f"refused: {each}" for each in notes.refused[:5]]
        if notes.cut:
            said.append("More tokens were scored than the recorder keeps.")
    return tuple(said)
