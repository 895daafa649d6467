"""Parts of a bundle that belong to another, that say something else, or that are attacks."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.attacks import archives, forging
from tests.attacks.case import FORGED, UNKNOWN, Case, own
from tests.attacks.forging import Run, opened_bundle, replaced, rewritten, with_manifest
from verifier import heldout, signature
from verifier.ledger import Ledger
from verifier.records import (
    Opening,
    Weighing,
)

SUBMISSION, SHIPMENT = "submission.tar", "shipments/"


def _ledger_of_another(**other: Any) -> Callable[[Run], Iterator[Path]]:
    """Another run's ledger, by the same key, in this bundle; the manifest made to fit."""

    def tries(run: Run) -> Iterator[Path]:
        with own(run) as path:
            folder = path.with_name("another")
            held_out = _held_out(run)
            forging.write_run(folder, held_out, signature.load_or_create(), **other)
            files = opened_bundle(run.bundle)
            kept = {name: content for name, content in files.items() if "ledger/" not in name}
            ledger = Ledger.open(folder / "ledger")
            for name in (*ledger.files, "signature.json"):
                kept[f"ledger/{name}"] = (folder / "ledger" / name).read_bytes()
            (theirs,) = (each.seed for each in ledger.find(Weighing))
            (mine,) = (name for name in kept if name.startswith(SHIPMENT))
            kept[f"{SHIPMENT}seed-{theirs}.tar"] = kept.pop(mine)
            yield with_manifest(path, kept)

    return tries


def _held_out(run: Run) -> heldout.HeldOut:
    return heldout.open_imported(run.data).subset(forging.DOCUMENTS)


def _ledger_rewritten_in(
    change: Callable[[Run, list[Any]], list[Any]],
) -> Callable[[Run], Iterator[Path]]:
    """A rewritten ledger, signed by the user's own key, in the old bundle; the manifest fits."""

    def tries(run: Run) -> Iterator[Path]:
        with own(run) as path:
            key = signature.load_or_create()
            folder = path.with_name("rewritten")
            rewritten(run, folder, lambda events: change(run, events), key)
            files = opened_bundle(run.bundle)
            ledger = Ledger.open(folder / "ledger")
            for name in (*ledger.files, "signature.json"):
                files[f"ledger/{name}"] = (folder / "ledger" / name).read_bytes()
            yield with_manifest(path, files)

    return tries


def _packages(run: Run, events: list[Any]) -> list[Any]:
    """Another image's ledger: other packages than the lock beside it."""
    image = forging.opening_of(run.folder).image
    other = dataclasses.replace(image, packages={**image.packages, "torch": "1.0"})
    return forging.with_root(replaced(Opening, image=other)(events))


def _claims_more(run: Run, events: list[Any]) -> list[Any]:
    facts = forging.opening_of(run.folder).submission
    claim = dataclasses.replace(facts.claim, val_bpb=9.0)
    other = dataclasses.replace(facts, claim=claim)
    return forging.with_root(replaced(Opening, submission=other)(events))


def _weighs_less(run: Run, events: list[Any]) -> list[Any]:
    return forging.with_root(replaced(Weighing, artifact_bytes=7)(events))


def _other_policy(run: Run) -> Iterator[Path]:
    """Milder rules under the ledger, which was opened under others."""
    files = opened_bundle(run.bundle)
    mild = files["ledger/policy.yaml"].replace(b"1.0e-4", b"9.0e-1")
    assert mild != files["ledger/policy.yaml"]
    with own(run) as path:
        yield with_manifest(path, {**files, "ledger/policy.yaml": mild})


def _page(name: str, old: bytes, new: bytes) -> Callable[[Run], Iterator[Path]]:
    def tries(run: Run) -> Iterator[Path]:
        files = opened_bundle(run.bundle)
        assert old in files[name], (name, old)
        with own(run) as path:
            yield with_manifest(path, {**files, name: files[name].replace(old, new, 1)})

    return tries


def _hostile_shipment(run: Run) -> Iterator[Path]:
    """What was scored holds a link, and the ledger, by the user's own key, says just that."""
    files = opened_bundle(run.bundle)
    (name,) = (each for each in files if each.startswith(SHIPMENT))
    body = files[name].rstrip(b"\0")
    body += bytes(-len(body) % 512) + archives.member("code/zz", kind=b"2", linkname="/etc/passwd")
    hostile = body + archives.ending(len(body))

    def change(events: list[Any]) -> list[Any]:
        digest = hashlib.sha256(hostile).hexdigest()
        return forging.with_root(replaced(Weighing, shipment_digest=digest)(events))

    with own(run) as path:
        folder = path.with_name("rewritten")
        rewritten(run, folder, change, signature.load_or_create())
        ledger = Ledger.open(folder / "ledger")
        for each in (*ledger.files, "signature.json"):
            files[f"ledger/{each}"] = (folder / "ledger" / each).read_bytes()
        yield with_manifest(path, {**files, name: hostile})


def _archive(made: archives.Made) -> Callable[[Run], Iterator[Path]]:
    def tries(run: Run) -> Iterator[Path]:
        with own(run) as path:
            yield made(opened_bundle(run.bundle), path)

    return tries


def _nested(name: str, more: bytes) -> Callable[[Run], Iterator[Path]]:
    """A tar within the bundle that holds what it must not; the manifest fits."""

    def tries(run: Run) -> Iterator[Path]:
        files = opened_bundle(run.bundle)
        (inside,) = (each for each in files if each.startswith(name))
        other = files[inside].rstrip(b"\0")
        other += bytes(-len(other) % 512)
        with own(run) as path:
            body = other + more
            yield with_manifest(path, {**files, inside: body + archives.ending(len(body))})

    return tries


def _moved_line(run: Run) -> Iterator[Path]:
    """A number in the lines of a picture."""
    files = opened_bundle(run.bundle)
    page = files["report.html"]
    at = page.index(b' d="M ', page.index(b"<svg")) + 6
    with own(run) as path:
        yield with_manifest(path, {**files, "report.html": page[:at] + b"1" + page[at:]})


# ---------------------------------------------------------------- the table


def cases() -> tuple[Case, ...]:
    """Of other runs, of pages, and of archives that only a stranger would make."""
    link = archives.member("code/zz", kind=b"2", linkname="/etc/passwd")
    up = archives.member("../escaped", b"x")
    return (*_parts(), *_archives(link, up))


def _parts() -> tuple[Case, ...]:
    fits = "the manifest made to fit"
    return (
        Case(
            "the ledger of another submission",
            (FORGED,),
            _ledger_of_another(touch={"README.md": "another\n"}),
        ),
        Case("the ledger of another attempt's seed", (FORGED,), _ledger_of_another(attempt=2)),
        Case(
            "the ledger of another verifier version", (UNKNOWN,), _ledger_of_another(version="9.9")
        ),
        Case("another policy under the ledger", (FORGED,), _other_policy, "is not the policy"),
        Case(
            "a ledger of other packages than the lock",
            (FORGED,),
            _ledger_rewritten_in(_packages),
            "locks other packages",
        ),
        Case(
            "a ledger that claims what the submission does not",
            (FORGED,),
            _ledger_rewritten_in(_claims_more),
            "say of itself",
        ),
        Case(
            "a ledger in which the artifact weighs less",
            (FORGED,),
            _ledger_rewritten_in(_weighs_less),
            "weigh what the ledger says",
        ),
        Case(
            f"report.json edited, {fits}",
            (FORGED,),
            _page("report.json", b"VERIFIED", b"REFUTED"),
        ),
        Case(f"report.md edited, {fits}", (FORGED,), _page("report.md", b"VERIFIED", b"REFUTED")),
        Case(
            f"report.html edited, {fits}", (FORGED,), _page("report.html", b"VERIFIED", b"REFUTED")
        ),
        Case(
            f"words in a picture edited, {fits}",
            (FORGED,),
            _page("report.html", b"</text>", b" not</text>"),
        ),
        Case(
            f"a line in a picture moved, {fits}",
            (0,),
            _moved_line,
            "the lines of the pictures in report.html",
        ),
        Case(
            f"a hash in Debian's lock edited, {fits}",
            (0,),
            _hash_in_lock,
            "the hashes in image/debs.lock",
        ),
    )


def _hash_in_lock(run: Run) -> Iterator[Path]:
    """The sha256 of a Debian package, which no ledger names."""
    files = opened_bundle(run.bundle)
    lock = files["image/debs.lock"]
    at = lock.index(b"\n") - 1
    other = lock[:at] + (b"1" if lock[at : at + 1] != b"1" else b"2") + lock[at + 1 :]
    with own(run) as path:
        yield with_manifest(path, {**files, "image/debs.lock": other})


def _archives(link: bytes, up: bytes) -> tuple[Case, ...]:
    return (
        *(
            Case(f"an archive with {name}", (FORGED,), _archive(made))
            for name, made in archives.ARCHIVES.items()
        ),
        Case("a link in the submission's tar", (FORGED,), _nested(SUBMISSION, link)),
        Case("a name that goes up in the submission's tar", (FORGED,), _nested(SUBMISSION, up)),
        Case(
            "a link in what was scored", (FORGED,), _nested(SHIPMENT, link), "not what the ledger"
        ),
        Case(
            "… and in the ledger's word for it", (FORGED,), _hostile_shipment, "neither a regular"
        ),
    )
