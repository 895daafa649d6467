"""What goes with a verdict, so that a stranger can test it? Gathered, and packed.

The ledger with charges, policy and signature; the submission and what was scored, as canonical
tars; the image's lock; the pages. Must never pack a private key, held-out text, or what training
left beside the artifact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from verifier import bundle, image, store
from verifier import report as reports
from verifier.bundle import MANIFEST, Packed
from verifier.errors import RequestError, StorageFault
from verifier.ledger import Ledger
from verifier.pipeline.rechecking.arithmetic import finished, recomputed
from verifier.pipeline.rechecking.belonging import contents, named
from verifier.pipeline.rechecking.findings import Forged
from verifier.pipeline.rechecking.handed import (
    LEDGER,
    REPORTS,
    SUBMISSION_TAR,
    Handed,
    ledger_folder,
    shipment_folder,
    shipment_tar,
    submission_folder,
)
from verifier.records import Opening, Weighing
from verifier.scratch import temporary
from verifier.watch import Watch

SUFFIX = ".bundle.tar.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """A finished bundle, and how many bytes each of its parts takes in the tar."""

    packed: Packed
    parts: Mapping[str, int]
    lacking: tuple[str, ...]


def bundle_run(run: Path, out: Path | None, watch: Watch) -> Bundled:
    """Pack the finished run in the folder `run`; `out` None: beside it, under its name.

    The ledger is rechecked first and the pages are written anew. Raises RequestError where the run
    is not finished, contradicts itself, or the store no longer has its parts; StorageFault.
    """
    place = ledger_folder(run)
    ledger = finished_or_refused(place)
    target = out or run.with_name(f"{run.resolve().name}{SUFFIX}")
    with temporary("bundle") as scratch, watch.phase("pack", None):
        staged = scratch / "bundle"
        try:
            _stage(ledger, place, staged, scratch)
            paths = _listed(ledger, staged)
            (staged / MANIFEST).write_bytes(bundle.manifest(named(ledger), staged, paths))
            sizes = _sizes(staged, (*paths, MANIFEST))
        except OSError as fault:
            raise StorageFault(f"{run} cannot be packed: {fault.strerror or fault}") from fault
        packed = bundle.pack(staged, (*paths, MANIFEST), target)
    may = contents(ledger)[1]
    return Bundled(packed=packed, parts=sizes, lacking=tuple(sorted(may - set(paths))))


def finished_or_refused(place: Path) -> Ledger:
    """A finished ledger that agrees with itself. Raises RequestError."""
    try:
        ledger = finished(place)
        recomputed(ledger)
    except Forged as wrong:
        raise RequestError(f"{place} is not what it says: {wrong}") from wrong
    return ledger


def _stage(ledger: Ledger, place: Path, staged: Path, scratch: Path) -> None:
    """Lay every part in its place; large ones as links to where they lie."""
    handed = Handed(named=str(place), ledger=place, unpacked=None, scratch=scratch)
    (opening,) = ledger.find(Opening)
    for path in (*ledger.files, "signature.json"):
        _link(place / path, staged / LEDGER / path)
    for weighing in ledger.find(Weighing):
        tar = shipment_folder(handed, weighing).with_name("shipment.tar")
        _link(tar, staged / shipment_tar(weighing.seed))
    for name, lock in image.lock_files(opening.image, store.root()).items():
        _written(lock, staged / "image" / name)
    folder = submission_folder(handed, opening.submission.digest)
    files = tuple(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
    staged.mkdir(exist_ok=True)
    with (staged / SUBMISSION_TAR).open("wb") as tarball:
        bundle.pack_folder(folder, files, tarball)
    (verdict,) = ledger.records[-1:]
    reports.write(staged, ledger.evidence(), verdict)


def _written(content: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _link(path: Path, target: Path) -> None:
    if path.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path.resolve())


def _listed(ledger: Ledger, staged: Path) -> tuple[str, ...]:
    """What is there of what a bundle must and may hold."""
    must, may = contents(ledger)
    there = sorted(path for path in must | may if (staged / path).is_file())
    assert must - set(there) == {MANIFEST}
    return tuple(there)


def _sizes(staged: Path, paths: tuple[str, ...]) -> dict[str, int]:
    """Bytes by part, in words."""
    sizes: dict[str, int] = {}
    for path in paths:
        size = (staged / path).stat().st_size
        sizes[part_of(path)] = sizes.get(part_of(path), 0) + size
    return sizes


def part_of(path: str) -> str:
    """Which part of a bundle a file belongs to."""
    if path in REPORTS:
        return "report"
    if path == SUBMISSION_TAR:
        return "submission"
    if path == MANIFEST:
        return "manifest"
    if path == f"{LEDGER}/policy.yaml":
        return "policy"
    if path.startswith(f"{LEDGER}/charges/"):
        return "charges"
    first = path.partition("/")[0]
    return {"shipments": "artifact", "image": "lock"}.get(first, first)
