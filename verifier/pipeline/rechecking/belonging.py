"""Do a bundle's parts belong together? Submission, shipments, image and pages against the ledger.

1. The manifest, made again from the ledger and the files that are there.
2. The submission, by its digest, and what it says of itself.
3. What was scored: shipped again from its own extraction, weighed again.
4. The image's lock, and the pages, written again.

Must never execute anything of what it unpacks.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from verifier import __version__, bundle, image
from verifier import submission as submissions
from verifier.bundle import MANIFEST, Bounds, Named
from verifier.errors import BadSubmission
from verifier.ledger import Ledger
from verifier.pipeline.rechecking.arithmetic import Finished
from verifier.pipeline.rechecking.findings import Belongs, Forged
from verifier.pipeline.rechecking.handed import (
    LEDGER,
    LOCKS,
    REPORTS,
    SUBMISSION_TAR,
    WHEELS,
    Handed,
    shipment_tar,
)
from verifier.pipeline.rechecking.pages import compare_pages
from verifier.policy import Policy
from verifier.records import Opening, Pass, Weighing
from verifier.signature import SIGNATURE_FILE
from verifier.submission import Script, Submission

SUBMISSION_BOUNDS = Bounds(
    members=2_000, folders=0, total_bytes=128_000_000, name_bytes=240, depth=16
)


def contents(ledger: Ledger) -> tuple[set[str], set[str]]:
    """The files that a bundle of this ledger must hold, and those that it may."""
    must = {f"{LEDGER}/{path}" for path in ledger.files}
    must |= {shipment_tar(each.seed) for each in ledger.find(Weighing)}
    must |= {MANIFEST, SUBMISSION_TAR, *REPORTS}
    return must, {*LOCKS, f"{LEDGER}/{SIGNATURE_FILE}"}


def named(ledger: Ledger) -> Named:
    """What a bundle's manifest says of its ledger."""
    (opening,) = ledger.find(Opening)
    return Named(
        verifier_version=opening.verifier_version,
        submission=opening.submission.digest,
        policy=opening.policy_digest,
        image=opening.image.root_digest,
        shipments=tuple(each.shipment_digest for each in ledger.find(Weighing)),
        score_roots=tuple(each.score_root for each in ledger.find(Pass)),
        ledger_head=ledger.head,
    )


def check_manifest(handed: Handed, ledger: Ledger) -> None:
    """The bundle holds what it must, nothing beside, and says of itself what is so.

    Raises Forged.
    """
    assert handed.unpacked is not None
    must, may = contents(ledger)
    there = set(handed.files)
    if lacking := sorted(must - there):
        raise Forged(f"the bundle lacks {', '.join(lacking[:3])}")
    if beside := sorted(there - must - may):
        raise Forged(f"the bundle holds {beside[0]!a}, which belongs to nothing")
    if list(handed.files) != sorted(there, key=str.encode):
        raise Forged("the bundle's files are not in the order that a verifier packs them in")
    listed = tuple(path for path in handed.files if path != MANIFEST)
    again = bundle.manifest(named(ledger), handed.unpacked, listed)
    if (handed.unpacked / MANIFEST).read_bytes() != again:
        raise Forged(f"{MANIFEST} is not what the ledger and the files in the bundle make")


def check_parts(handed: Handed, found: Finished) -> Belongs:
    """Everything else in a bundle belongs to its ledger. Raises Forged for what does not."""
    assert handed.unpacked is not None
    opening, policy = found.evidence.opening, found.policy.policy
    submitted = submission(handed, opening)
    proved = [f"submission: its files are {opening.submission.digest[:12]}, as the ledger says"]
    for weighing in found.ledger.find(Weighing):
        shipment(handed, weighing, submitted, policy)
        what = "is" if isinstance(submitted, Script) else "weighs and is"
        proved.append(f"artifact: what seed {weighing.seed} left {what} what the ledger says")
    locked, unproven = _locks(handed, opening)
    proved += locked
    pages = compare_pages(handed.unpacked, found, handed.scratch)
    return Belongs(
        proved=(*proved, *pages.proved),
        unproven=(*unproven, *pages.unproven),
        doubts=pages.doubts,
    )


def _locks(handed: Handed, opening: Opening) -> tuple[list[str], list[str]]:
    """The image's locks: (what they prove, what they do not). Raises Forged."""
    assert handed.unpacked is not None
    proved, unproven = [], []
    for path in LOCKS:
        if path not in handed.files:
            unproven.append(f"what the image is made of: the bundle has no {path}")
            continue
        lock = handed.unpacked / path
        if wrong := image.wrong_lock(lock, opening.image):
            raise Forged(f"{path} {wrong}")
        proved.append(f"image: {path} locks the packages that the ledger names")
        shipped = image.is_shipped(lock, opening.image)
        if not shipped and path == WHEELS and opening.verifier_version == __version__:
            raise Forged(f"{path} is not the lock that ships with this version")
        if not shipped:
            unproven.append(f"the hashes in {path}: this version ships another lock")
    return proved, unproven


def submission(handed: Handed, opening: Opening) -> Submission | Script:
    """Unpack the submission and read it. Raises Forged unless it is the ledger's."""
    assert handed.unpacked is not None
    folder = handed.scratch / "submission"
    files = bundle.unpack_tar(handed.unpacked / SUBMISSION_TAR, folder, SUBMISSION_BOUNDS)
    try:
        found = submissions.frozen(folder, files)
    except BadSubmission as wrong:
        raise Forged(f"the submission cannot be read: {wrong.message}") from wrong
    if found.digest != opening.submission.digest:
        raise Forged(f"the submission is {found.digest[:12]}, the ledger's is another")
    if isinstance(found, Submission) and found.facts() != opening.submission:
        raise Forged("the ledger says of the submission what it does not say of itself")
    if isinstance(found, Script) != (opening.submission.script is not None):
        raise Forged("the submission is of another contract than the ledger says")
    with (handed.scratch / "again.tar").open("wb") as again:
        digest = bundle.pack_folder(folder, files, again)
    if digest != _sha256(handed.unpacked / SUBMISSION_TAR):
        raise Forged(f"{SUBMISSION_TAR} is not written as the verifier writes it")
    return found


def shipment(
    handed: Handed, weighing: Weighing, submitted: Submission | Script, policy: Policy
) -> None:
    """Unpack what one seed was scored with; of a scorer, ship and weigh it again.

    Raises Forged unless it is the ledger's.
    """
    assert handed.unpacked is not None
    tar = handed.unpacked / shipment_tar(weighing.seed)
    if _sha256(tar) != weighing.shipment_digest:
        raise Forged(f"{shipment_tar(weighing.seed)} is not what the ledger weighed")
    folder = handed.scratch / f"shipment-{weighing.seed}"
    # Folders count as files towards the policy's bound; the code's stand in it too.
    members = 2 * (policy.train.artifact_files + SUBMISSION_BOUNDS.members)
    bounds = Bounds(
        members=members,
        folders=members,
        total_bytes=policy.train.artifact_bytes + SUBMISSION_BOUNDS.total_bytes,
        name_bytes=1100,
        depth=33,
    )
    bundle.unpack_tar(tar, folder, bounds)
    _make_readable(folder)
    if isinstance(submitted, Script):
        return
    again = submissions.freeze(
        folder / submissions.ARTIFACT, submitted, handed.scratch / "shelf", policy
    )
    if again.digest != weighing.shipment_digest:
        raise Forged(f"what seed {weighing.seed} was scored with is not of this submission")
    objections = weighing.objections
    weighed = submissions.weigh(again, policy.size, seed=weighing.seed)
    if dataclasses.replace(weighed, objections=objections) != weighing:
        raise Forged(f"what seed {weighing.seed} left does not weigh what the ledger says")


def _make_readable(folder: Path) -> None:
    """An unprivileged box reads it, and nobody changes it meanwhile."""
    for path in sorted(folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o444)
    folder.chmod(0o755)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
