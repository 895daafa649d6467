"""Before a script is run: what was submitted, against what, in which boxes, under which key?

Reads it, counts the attempt, commits the nonce and opens the ledger. Must never run anything of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from verifier import heldout, image, store
from verifier.audits.fairness import lacking_hardware
from verifier.errors import RequestError
from verifier.heldout import HeldOut, Tokens
from verifier.ledger import Ledger
from verifier.pipeline import grounds
from verifier.pipeline.grounds import Ground
from verifier.pipeline.harness import Harness, lay_out_shadow
from verifier.pipeline.machine import hardware
from verifier.pipeline.opening import (
    Trial,
    note_new_key,
    opening,
    run_folder,
    set_aside_unfair,
    trial,
)
from verifier.pipeline.request import Request
from verifier.pipeline.scripted import SEED
from verifier.pipeline.shadowing import RECIPE, mounting_sandbox, program_of
from verifier.policy import Policy
from verifier.records import Claim, HeldOutFacts, Opening, ScriptTerms, SubmissionFacts
from verifier.screening.screen import screen
from verifier.screening.screened import Screening
from verifier.shadow.reads import read_values
from verifier.source import Program, Tree
from verifier.submission import Script
from verifier.submission.submitted import on_disk
from verifier.watch import Watch

REQUIREMENTS = "requirements.txt"
NAME_CHARACTERS, COMMAND_CHARACTERS = 300, 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What reading a script told: its texts, the program that its command starts, its screening."""

    tree: Tree
    program: Program
    screening: Screening


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptPreparation:
    """Everything one verification of a script stands on. `data` None: it was not opened."""

    request: Request
    watch: Watch
    store: Path
    folder: Path
    ledger: Ledger
    script: Script
    reading: Reading
    data: tuple[HeldOut, Tokens] | None
    ground: Ground
    guest: Harness
    trial: Trial
    seeds: tuple[int, ...]

    @property
    def policy(self) -> Policy:
        """The rules of this verification."""
        return self.request.policy.policy


@contextlib.contextmanager
def prepare(request: Request, script: Script, watch: Watch) -> Iterator[ScriptPreparation]:
    """Gather all that `script` needs; the ledger is locked while the block runs.

    Raises RequestError, BadInput, MachineFault or ImageFault.
    """
    place, policy = store.root(), request.policy.policy
    reading = _read(script, request.reference, policy)
    ground, data = _grounds(request, script, place, watch)
    guest = lay_out_shadow(place)
    note_new_key(request, watch)
    facts = _facts(script, reading, request.reference)
    if facts.claim.val_bpb is None:
        watch.note("no claim can be read: val_bpb in submission.json is what a number is held to")
    made = trial(request, author=facts.author, digest=script.digest, ground=ground, place=place)
    seeds = grounds.chosen_seeds(policy, facts.claim.seeds, made.nonce, request.seeds)
    identity = (
        script.digest,
        "" if data is None else data[0].manifest_digest,
        ground.root.digest,
        ground.sandbox.name,
        guest.digest,
        made.key.public_hex,
        str(made.attempt),
        str(len(seeds)),
    )
    folder = run_folder(request, facts.name, identity)
    set_aside_unfair(folder / "ledger", watch)
    with Ledger.resume_or_create(folder / "ledger") as ledger:
        if not ledger.find(Opening):
            ledger.write_policy(request.policy.text)
            ledger.append(opening(request, facts, made, ground, guest, seeds))
        if not ledger.find(HeldOutFacts):
            if request.previous is not None:
                ledger.append(request.previous)
            counted = heldout.unopened(policy.data.name) if data is None else data[0].facts(data[1])
            ledger.append(counted)
        yield ScriptPreparation(
            request=request,
            watch=watch,
            store=place,
            folder=folder,
            ledger=ledger,
            script=script,
            reading=reading,
            data=data,
            ground=ground,
            guest=guest,
            trial=made,
            seeds=seeds,
        )


def _read(script: Script, called: str, policy: Policy) -> Reading:
    tree = on_disk(script.folder).tree
    program = program_of(tree, called)
    screening = screen(tree, folder="", digest=script.digest, policy=policy)
    return Reading(tree=tree, program=program, screening=screening)


def _grounds(
    request: Request, script: Script, place: Path, watch: Watch
) -> tuple[Ground, tuple[HeldOut, Tokens] | None]:
    """Where it runs, and on which data; without the policy's hardware nothing runs in full."""
    policy = request.policy.policy
    if request.image == "host":
        raise RequestError("a script runs in an image of its own", remedy="--image pinned")
    sandbox = mounting_sandbox(request.backend, watch)
    lacking = lacking_hardware(hardware(), policy)
    data = None
    if lacking:
        watch.note(f"the script is not run in full: {lacking}")
        root, facts = image.build(RECIPE, place, locked=False, watch=watch)
    else:
        held_out = grounds.open_held_out(request, place, watch)
        data = held_out, held_out.tokens("data")
        required = script.folder / REQUIREMENTS
        root, facts = image.build_with(
            "cuda" if policy.hardware.gpus else RECIPE,
            required.read_bytes() if REQUIREMENTS in script.files else b"",
            script.packages,
            place,
            watch=watch,
        )
    with watch.phase(f"prepare the {sandbox.name} box", None):
        sandbox.prepare(root)
    return Ground(sandbox, root, facts), data


def _facts(script: Script, reading: Reading, reference: str) -> SubmissionFacts:
    """What goes into the ledger: its claims as they were read, its command as it was found."""
    claimed, launch = reading.screening.claimed, reading.program.launch
    name = (claimed.name if claimed else "") or reference.rstrip("/").rpartition("/")[2]
    author = (claimed.author if claimed else "") or "nobody named"
    return SubmissionFacts(
        name=name[:NAME_CHARACTERS],
        author=author[:NAME_CHARACTERS],
        digest=script.digest,
        contract="script/1",
        claim=Claim(
            val_bpb=claimed.val_bpb if claimed else None, seeds=claimed.seeds if claimed else ()
        ),
        script=ScriptTerms(
            entry=launch.script,
            command=launch.command[:COMMAND_CHARACTERS],
            told_by=launch.told_by,
            seeded=SEED in read_values(reading.program),
        ),
    )
