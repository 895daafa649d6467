"""In what order is an unmodified script shadowed? Read, laid out, run in boxes.

1. submission: what the reference names, in memory and then in a folder of its own
2. program: the script that its command starts
3. stage: image, sandbox, and what runs in front of the script
4. runs: the shadow room's

Must never hold a rule; what a run shows is `shadow.judging`'s to say.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from verifier import image, shadow, store
from verifier.errors import BadSubmission, RequestError, StorageFault
from verifier.pipeline.harness import lay_out_shadow
from verifier.records import Assurance, Root
from verifier.sandbox import choose, hostile
from verifier.sandbox.interface import Sandbox
from verifier.shadow import Shadowed, Stage, Subject
from verifier.shadow.claimed import claimed_label
from verifier.source import Program, Tree, read_program, titles
from verifier.submission.manifest import MANIFEST_NAME, ScriptManifest, read_manifest
from verifier.submission.submitted import Candidate, candidates
from verifier.watch import Watch

RECIPE = "shadow"
GIGABYTE = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowRequest:
    """What to shadow and where. `seconds` and `memory_bytes` bound each run.

    `seed` None: documents that nobody knows before. `keep` is a folder for what the runs leave;
    None: it is removed.
    """

    reference: str
    backend: str = "auto"
    seconds: float = 300.0
    memory_bytes: int = 3 * GIGABYTE
    seed: int | None = None
    keep: Path | None = None


def shadowed(request: ShadowRequest, watch: Watch) -> Shadowed:
    """Shadow what `request` names.

    Raises RequestError when there is no such thing or no box for it, NothingSubmitted and
    BadSubmission when there is no script, and what image and sandbox raise.
    """
    with candidates(request.reference) as found:
        if found.fault:
            raise BadSubmission(found.fault, file=request.reference)
        return shadowed_candidate(found.candidates[0], open_stage(request, watch), request, watch)


def open_stage(request: ShadowRequest, watch: Watch) -> Stage:
    """The image and the strongest sandbox that was asked for, and the guest laid out."""
    place = store.root()
    sandbox = mounting_sandbox(request.backend, watch)
    root, _ = image.build(RECIPE, place, locked=False, watch=watch)
    with watch.phase(f"prepare the {sandbox.name} box", None):
        sandbox.prepare(root)
    return stage_of(sandbox, root, request)


def mounting_sandbox(backend: str, watch: Watch) -> Sandbox:
    """The strongest sandbox that was asked for. Raises RequestError where it mounts nothing."""
    sandbox, reasons = choose(backend)
    for reason in reasons:
        watch.note(f"a stronger sandbox cannot be had: {reason}")
    if sandbox.level < Assurance.L1:
        raise RequestError(
            f"a {sandbox.name} box cannot mount what a run of a script needs",
            remedy="install bubblewrap or a container engine",
        )
    return sandbox


def stage_of(sandbox: Sandbox, root: Root, request: ShadowRequest) -> Stage:
    """The stage on a root that the sandbox has been prepared for."""
    place = store.root()
    return Stage(
        sandbox=sandbox,
        root=root,
        guest=lay_out_shadow(place).folder,
        bytecode=image.bytecode(root, sandbox, place),
        seconds=request.seconds,
        memory_bytes=request.memory_bytes,
    )


def shadowed_candidate(
    candidate: Candidate, stage: Stage, request: ShadowRequest, watch: Watch
) -> Shadowed:
    """Shadow one candidate on a stage that is open. Raises BadSubmission without a script."""
    tree = candidate.load().tree
    return shadowed_tree(
        tree, program_of(tree, candidate.folder or request.reference), stage, request, watch
    )


def program_of(tree: Tree, called: str) -> Program:
    """The script that a submission's command starts.

    Raises BadSubmission where there is none, and for a verify.yaml that is wrong, or whose command
    starts no script of the submission.
    """
    manifest = tree.files.get(MANIFEST_NAME)
    pinned = None if manifest is None else read_manifest(manifest)
    program = read_program(tree)
    if isinstance(pinned, ScriptManifest) and pinned.command is not None:
        _require_started(program, pinned.command)
    if program is None:
        raise BadSubmission(
            "there is no script to run",
            file=called,
            remedy="a submission has a train_gpt.py, or a README that names its command; "
            "a scorer (contract scorer/1) has a verify.yaml, see examples/baseline",
        )
    return program


def _require_started(program: Program | None, command: str | tuple[str, ...]) -> None:
    if program is not None and program.launch.told_by.startswith(MANIFEST_NAME):
        return
    said = command if isinstance(command, str) else " ".join(command)
    raise BadSubmission(
        f"its command starts no script of the submission: {said[:200]!r}",
        file=MANIFEST_NAME,
        place="command",
        remedy="name a .py file by its path in the folder",
    )


def shadowed_tree(
    tree: Tree,
    program: Program,
    stage: Stage,
    request: ShadowRequest,
    watch: Watch,
    *,
    whole: Path | None = None,
    resets: bool = False,
) -> Shadowed:
    """Shadow a program of `tree`; `resets`: what was learned must end with its document.

    `whole` is the submission's folder with all its files, binaries among them; None: what of it is
    in the tree.
    """
    with hostile.scratch("gv-shadow-") as scratch:
        folder, runs = whole or scratch / "submission", scratch / "runs"
        runs.mkdir()
        if whole is None:
            _write(tree, folder)
        answer = shadow.shadow(
            Subject(
                folder=folder,
                program=program,
                label=claimed_label(tree, (unit.text for unit in program.units)),
                title=titles.title(tree),
                resets=resets,
            ),
            stage,
            runs,
            watch,
            request.seed,
        )
        if request.keep is not None:
            _keep(runs, request.keep)
        return answer


def _write(tree: Tree, folder: Path) -> None:
    try:
        folder.mkdir()
        for path, content in tree.files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    except OSError as fault:
        raise StorageFault(f"{folder}: cannot be written: {fault.strerror}") from fault


def _keep(runs: Path, folder: Path) -> None:
    """What boxes left, links as links: nothing of it is followed."""
    try:
        shutil.copytree(runs, folder, symlinks=True, dirs_exist_ok=True)
    except (OSError, shutil.Error) as fault:
        raise StorageFault(f"{folder}: the runs cannot be kept: {fault}") from fault
