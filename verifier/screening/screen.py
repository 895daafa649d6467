"""What does one submission show without being run?

1. claimed: what it says of itself
2. logs: what its own runs say, and which of them stands for which seed
3. launch: the command that it is run with
4. program: its source, unpacked and followed from the entry under that command
5. weights: what its code weighs, three ways
6. rules: what the source shows, family by family
7. evidence: what claims and logs show beside each other
8. answer: the strongest of it

Reads a tree in memory and returns records; nothing of it is executed, ever. Its best word is
"nothing found": must never say that a submission is verified.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from verifier.policy import Policy
from verifier.screening import evidence as evidence_rules
from verifier.screening.evidence import Evidence, check, claimed_seeds, read_evidence
from verifier.screening.finding import Confidence, Remark
from verifier.screening.rules import registry
from verifier.screening.screened import Answer, CodeWeights, Run, Screening
from verifier.screening.seed_table import standing
from verifier.screening.weighing import Pack, weigh_code
from verifier.source import Program, Tree, find_launch, read_closure, read_program

MANIFEST, README = "verify.yaml", "README.md"
_SCRIPT = re.compile(rb"(?m)^contract:[ \t]*[\"']?script/1\b")
_SCRIPT_ONLY = frozenset(
    rule.id for rule in (*registry.RULES, *evidence_rules.RULES) if rule.script_only
)


@dataclass(frozen=True, slots=True)
class Read:
    """A screening, and the texts that its source consists of: (name, unpacked text)."""

    screening: Screening
    texts: tuple[tuple[str, str], ...]


def screen(
    tree: Tree, *, folder: str, digest: str, policy: Policy, refused: tuple[str, ...] = ()
) -> Screening:
    """Screen one submission. `folder` is its path in the repository, "" where that is unknown.

    `refused` says of each file that was left out of `tree` why ("path: reason"). Never raises for
    what a tree holds; what cannot be read is a remark.
    """
    return read(
        tree, folder=folder, digest=digest, policy=policy, pack=Pack.ALWAYS, refused=refused
    ).screening


def read(
    tree: Tree,
    *,
    folder: str,
    digest: str,
    policy: Policy,
    pack: Pack,
    refused: tuple[str, ...] = (),
) -> Read:
    """The same with the source's texts, for those who compare sources; `pack`: when to weigh."""
    began = time.monotonic()
    launch = find_launch(tree)  # 3
    program = read_program(tree, launch)  # 4
    evidence = read_evidence(  # 1, 2
        tree, folder=folder, policy=policy, program=program, refused=refused
    )
    contract = contract_of(tree)
    passed = _SCRIPT_ONLY if contract == "scorer/1" else frozenset()
    remarks = tuple(  # 6, 7
        remark
        for remark in (*_of_source(program, tree), *check(evidence))
        if remark.rule not in passed
    )
    units = program.units if program else ()
    screening = Screening(
        folder=folder,
        digest=digest,
        answer=answer(remarks),  # 8
        claimed=evidence.claimed,
        logs=evidence.logs,
        weights=_weights(program, tree, evidence, policy, pack),  # 5
        entry=program.entry.path if program else "",
        command=launch.command if launch else "",
        remarks=remarks,
        runs=_runs(tree, evidence),
        contract=contract,
        parsed_lines=sum(unit.text.count("\n") + 1 for unit in units),
        seconds=round(time.monotonic() - began, 4),
    )
    texts = tuple((unit.path, unit.text) for unit in units)
    if program:
        program.forget()
    return Read(screening, texts)


def contract_of(tree: Tree) -> str:
    """How it would be scored: as a script, unless its verify.yaml names another contract."""
    manifest = tree.files.get(MANIFEST)
    return "script/1" if manifest is None or _SCRIPT.search(manifest) else "scorer/1"


def answer(remarks: Iterable[Remark]) -> Answer:
    """A violation where any remark is one, else review where any asks for it."""
    confidences = {remark.confidence for remark in remarks}
    if Confidence.VIOLATION in confidences:
        return Answer.VIOLATION
    return Answer.REVIEW if Confidence.REVIEW in confidences else Answer.NOTHING_FOUND


def _weights(
    program: Program | None, tree: Tree, evidence: Evidence, policy: Policy, pack: Pack
) -> CodeWeights | None:
    """What the code weighs beside the largest model that logs or claim tell of."""
    if program is None:
        return None
    models = [log.model_bytes for log in evidence.logs if log.model_bytes]
    if not models and evidence.claimed and evidence.claimed.model_bytes:
        models = [evidence.claimed.model_bytes]
    return weigh_code(
        program,
        read_closure(program, tree),
        tree,
        pack=pack,
        model_bytes=max(models, default=None),
        cap_bytes=policy.size.cap_bytes,
    )


def _of_source(program: Program | None, tree: Tree) -> Iterator[Remark]:
    if program is not None:
        for read_for in registry.CHECKS:
            yield from read_for(program, tree)


def _runs(tree: Tree, evidence: Evidence) -> tuple[Run, ...]:
    """The number that stands for each seed."""
    claim = evidence.claimed.val_bpb if evidence.claimed else None
    logged = [
        Run(
            seed=score.seed,
            bpb=score.bpb,
            loss=score.loss,
            path=score.path,
            line=score.line,
            source=score.source,
        )
        for score in claimed_seeds(evidence)
    ]
    return standing(claim, logged, tree.text(README) or "", README)
