"""Forgeries: what a stranger may hand over, and what `recheck` must make of it.

    python -m tests.attacks.forgeries [--rescore] [--json]

Each row is one way to forge, many tries in some. What must come is an exit code: 1 what contradicts
itself, 2 what agrees with itself and nobody known stands for, 64 what is not whole.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.attacks import archives, forging
from tests.attacks.forging import Run, opened_bundle, packed, replaced, rewritten, with_manifest
from verifier import bundle, heldout, pipeline, signature
from verifier.cli.rechecking import code_of
from verifier.errors import VerifierError
from verifier.ledger import Ledger
from verifier.ledger.chain import written
from verifier.records import (
    BoxFacts,
    HeldOutFacts,
    Opening,
    Pass,
    Replay,
    Weighing,
)

FORGED, UNKNOWN, CUT = 1, 2, 64
SUBMISSION, SHIPMENT = "submission.tar", "shipments/"
TRIES = 60


@dataclass(frozen=True, slots=True)
class Came:
    """What `recheck` ended with, and what it said."""

    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Case:
    """One way to forge. `tries` hands over one thing after the other; each must end in `expected`.

    A code of `expected` is enough; `says` must stand in what was said, in every try.
    """

    name: str
    expected: tuple[int, ...]
    tries: Callable[[Run], Iterator[Path]]
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the table."""

    forgery: str
    expected: str
    happened: str
    ok: bool


def came(path: Path, **asked: Any) -> Came:
    """What recheck makes of what lies at `path`, as the command line would end."""
    try:
        found = pipeline.recheck(pipeline.Asked(named=str(path), **asked))
    except VerifierError as fault:
        return Came(fault.exit_code, str(fault))
    return Came(code_of(found, allow_unsigned=False), found.forged or found.signer.standing)


def rows(place: Path) -> Iterator[Row]:
    """Every row; `place` is a new folder. What each try came to decides, nothing is skipped."""
    run = forging.finished_run(place)
    with forging.at_home(place):
        for case in cases():
            yield tried(case, run)


def tried(case: Case, run: Run) -> Row:
    """Hand over every try of one case."""
    count, wrong, last = 0, "", Came(0, "")
    for path in case.tries(run):
        count += 1
        last = came(path)
        if (last.code not in case.expected or case.says not in last.said) and not wrong:
            wrong = f"try {count}: {last.code}, {last.said}"
    wrong = wrong or ("" if count else "nothing was tried")
    many = f"{count} tries; " if count > 1 else ""
    return Row(
        forgery=case.name,
        expected=" or ".join(map(str, case.expected)),
        happened=wrong or f"{many}{last.code}: {last.said[:160]}",
        ok=not wrong,
    )


# ---------------------------------------------------------------- bytes


def flipped(content: bytes, at: int, bit: int) -> bytes:
    """One bit changed."""
    return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]


def _flipped_file(run: Run) -> Iterator[Path]:
    """The whole header and trailer, and bytes anywhere."""
    content, chosen = run.bundle.read_bytes(), random.Random(1)
    edges = [*range(56), *range(len(content) - 10, len(content))]
    for at in (*edges, *(chosen.randrange(len(content)) for _ in range(TRIES))):
        path = run.scratch / "flipped"
        path.write_bytes(flipped(content, at, chosen.randrange(8)))
        yield path


def _cut_file(run: Run) -> Iterator[Path]:
    content, chosen = run.bundle.read_bytes(), random.Random(2)
    for size in (0, 1, 15, 16, 55, 56, 57, *(chosen.randrange(len(content)) for _ in range(20))):
        path = run.scratch / "cut"
        path.write_bytes(content[:size])
        yield path


def _grown_file(run: Run) -> Iterator[Path]:
    path = run.scratch / "grown"
    for more in (b"\0", run.bundle.read_bytes()):
        path.write_bytes(run.bundle.read_bytes() + more)
        yield path


def _flipped_members(
    pack: Callable[[Path, Mapping[str, bytes]], Path], each: int
) -> Callable[[Run], Iterator[Path]]:
    """Bits of every file of the bundle, the rest made to fit as far as `pack` does."""

    def tries(run: Run) -> Iterator[Path]:
        files, chosen = opened_bundle(run.bundle), random.Random(3)
        for name, content in files.items():
            if name == bundle.MANIFEST and pack is with_manifest:
                continue
            for _ in range(each if content else 0):
                at = chosen.randrange(len(content))
                if name == "report.json":
                    # The last digits of a number are rounding, and said to be; a word is not.
                    at = content.index(b"VERIFIED") + chosen.randrange(8)
                if name == "image/debs.lock":
                    # A hash is its word alone, and said to be; a name is the ledger's.
                    at = content.index(b"\n") + 2
                other = {**files, name: flipped(content, at, chosen.randrange(7))}
                with _own(run) as path:
                    yield pack(path, other)

    return tries


def _own(run: Run) -> Any:
    """A path of its own, and the folder around it gone afterwards."""
    return _Own(run.scratch)


class _Own:
    def __init__(self, scratch: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=scratch)

    def __enter__(self) -> Path:
        return Path(self._folder.name) / "bundle"

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _lacking(run: Run) -> Iterator[Path]:
    """Each file that must be there left out, the manifest made to fit."""
    files = opened_bundle(run.bundle)
    for name in files:
        if name.startswith("image/") or name == "ledger/signature.json":
            continue
        rest = {other: content for other, content in files.items() if other != name}
        with _own(run) as path:
            yield packed(path, rest) if name == bundle.MANIFEST else with_manifest(path, rest)


def _beside(run: Run) -> Iterator[Path]:
    files = opened_bundle(run.bundle)
    for name in ("key.pem", "ledger/ledger.lock", "ledger/arrays/9999-x.f32", "report.html.js"):
        with _own(run) as path:
            yield with_manifest(path, {**files, name: b"x"})


def _absent_signature(run: Run) -> Iterator[Path]:
    files = opened_bundle(run.bundle)
    del files["ledger/signature.json"]
    with _own(run) as path:
        yield with_manifest(path, files)


# ---------------------------------------------------------------- events


def _events(run: Run) -> Iterator[Path]:
    """Each event cut, repeated, moved or emptied; the manifest made to fit."""
    files = opened_bundle(run.bundle)
    lines = files["ledger/ledger.jsonl"].splitlines(keepends=True)
    for number, line in enumerate(lines):
        before, after = lines[:number], lines[number + 1 :]
        changed = [[*before, *after], [*before, line, line, *after], [*before, line[:9], *after]]
        changed += [[*before, after[0], line, *after[1:]]] if after else []
        for other in changed:
            with _own(run) as path:
                yield with_manifest(path, {**files, "ledger/ledger.jsonl": b"".join(other)})


def _cut_end(run: Run) -> Iterator[Path]:
    """A run's folder whose last event, or more, is gone: whole lines, so that the chain fits."""
    lines = (run.folder / "ledger/ledger.jsonl").read_bytes().splitlines(keepends=True)
    for kept in range(1, len(lines)):
        with _own(run) as path:
            folder = _copied(run, path)
            (folder / "ledger/ledger.jsonl").write_bytes(b"".join(lines[:kept]))
            yield folder


def _copied(run: Run, folder: Path) -> Path:
    """The run's own folder, without its bundle."""
    for path in (run.folder / "ledger").rglob("*"):
        if path.is_file():
            target = folder / "ledger" / path.relative_to(run.folder / "ledger")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return folder


def _rechained(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[Run], Iterator[Path]]:
    """The last lines of JSON changed and hashed anew, and the head signed with the user's own key.

    Nobody but its owner can do this: what is refused then is refused on the evidence alone.
    """

    def tries(run: Run) -> Iterator[Path]:
        with _own(run) as path:
            folder = _copied(run, path)
            place = folder / "ledger" / "ledger.jsonl"
            events = [json.loads(line) for line in place.read_bytes().splitlines()]
            change(events)
            _rename_arrays(folder / "ledger", events)
            head, lines = "0" * 64, b""
            for seq, event in enumerate(events):
                line, head = written(seq, head, event["kind"], event["data"], event["arrays"])
                lines += line + b"\n"
            place.write_bytes(lines)
            signature.sign_head(signature.load_or_create(), folder / "ledger", head)
            yield folder

    return tries


def _rename_arrays(ledger: Path, events: list[dict[str, Any]]) -> None:
    """Arrays lie under their event's number: a forger who moves an event moves them with it."""
    moved = {}
    for seq, event in enumerate(events):
        for stored in event["arrays"].values():
            first, _, rest = stored["file"].partition("-")
            if first.startswith("arrays/"):
                content = (ledger / stored["file"]).read_bytes()
                stored["file"] = f"arrays/{seq:04d}-{rest}"
                moved[stored["file"]] = content
    for name, content in moved.items():
        (ledger / name).write_bytes(content)


def _said(kind: str, **changes: Any) -> Callable[[list[dict[str, Any]]], None]:
    """Some keys of one kind's events changed."""

    def change(events: list[dict[str, Any]]) -> None:
        for event in events:
            if event["kind"] == kind:
                event["data"].update(changes)

    return change


def _moved(kind: str, before: str) -> Callable[[list[dict[str, Any]]], None]:
    """The event of one kind put before that of another."""

    def change(events: list[dict[str, Any]]) -> None:
        (at,) = (n for n, event in enumerate(events) if event["kind"] == kind)
        event = events.pop(at)
        (to,) = (n for n, other in enumerate(events) if other["kind"] == before)
        events.insert(to, event)

    return change


def _twice(events: list[dict[str, Any]]) -> None:
    """A verdict of another attempt after the first."""
    events.append(events[-1])


# ---------------------------------------------------------------- the whole chain


def _rewrite(
    change: Callable[[Run, list[Any]], list[Any]], *, signed: bool
) -> Callable[[Run], Iterator[Path]]:
    """Everything consistent: events, roots, verdict and head; by another key or by nobody."""

    def tries(run: Run) -> Iterator[Path]:
        with _own(run) as path:
            other = signature.load_or_create(run.scratch / "other.pem") if signed else None
            yield rewritten(run, path, lambda events: change(run, events), other)

    return tries


def lower(run: Run, events: list[Any]) -> list[Any]:
    """A better score: every charge and every blind cost a tenth less."""
    (scored,) = (event for event in events if isinstance(event, Pass))
    charges = (scored.charges * 0.9).astype(np.float32)
    events = replaced(Pass, charges=charges)(events)
    return forging.with_root(replaced(Replay, blind=charges)(events))


def swapped(run: Run, events: list[Any]) -> list[Any]:
    """The charges of two documents exchanged, pass and replay alike."""
    charges = forging.swapped_charges(run)
    events = replaced(Pass, charges=charges)(events)
    return forging.with_root(replaced(Replay, blind=charges)(events))


def _other_image(run: Run, events: list[Any]) -> list[Any]:
    image = dataclasses.replace(forging.opening_of(run.folder).image, root_digest="8" * 64)
    events = replaced(BoxFacts, root_digest="8" * 64)(replaced(Opening, image=image)(events))
    return forging.with_root(events)


def _fewer_bytes(run: Run, events: list[Any]) -> list[Any]:
    """More bytes to divide by."""
    (facts,) = (event for event in events if isinstance(event, HeldOutFacts))
    more = facts.byte_counts * 2
    changed = replaced(HeldOutFacts, byte_counts=more, document_bytes=int(more.sum()))
    return forging.with_root(changed(events))


def _swapped_in_place(run: Run) -> Iterator[Path]:
    """Only the charge file."""
    charges = forging.swapped_charges(run)
    with _own(run) as path:
        folder = _copied(run, path)
        (file,) = (folder / "ledger/charges").glob("*.f32")
        file.write_bytes(charges.astype("<f4").tobytes())
        yield folder


def _swapped_and_hashed(run: Run) -> Iterator[Path]:
    """The charges exchanged and everything hashed anew, but for the score root."""
    charges = forging.swapped_charges(run)
    with _own(run) as path:
        yield rewritten(run, path, replaced(Pass, charges=charges), signature.load_or_create())


def _old_signature(run: Run) -> Iterator[Path]:
    with _own(run) as path:
        folder = rewritten(run, path, lambda events: lower(run, events), None)
        kept = (run.folder / "ledger" / "signature.json").read_bytes()
        (folder / "ledger" / "signature.json").write_bytes(kept)
        yield folder


def _name_put_in(run: Run) -> Iterator[Path]:
    """A stranger's signature with the trusted key's name over it."""
    with _own(run) as path:
        other = signature.load_or_create(run.scratch / "other.pem")
        folder = rewritten(run, path, lambda events: lower(run, events), other)
        place = folder / "ledger" / "signature.json"
        own = signature.load_or_create().public_hex
        place.write_text(place.read_text().replace(other.public_hex, own))
        yield folder


# ---------------------------------------------------------------- parts of another run


def _ledger_of_another(**other: Any) -> Callable[[Run], Iterator[Path]]:
    """Another run's ledger, by the same key, in this bundle; the manifest made to fit."""

    def tries(run: Run) -> Iterator[Path]:
        with _own(run) as path:
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
        with _own(run) as path:
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
    with _own(run) as path:
        yield with_manifest(path, {**files, "ledger/policy.yaml": mild})


def _page(name: str, old: bytes, new: bytes) -> Callable[[Run], Iterator[Path]]:
    def tries(run: Run) -> Iterator[Path]:
        files = opened_bundle(run.bundle)
        assert old in files[name], (name, old)
        with _own(run) as path:
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

    with _own(run) as path:
        folder = path.with_name("rewritten")
        rewritten(run, folder, change, signature.load_or_create())
        ledger = Ledger.open(folder / "ledger")
        for each in (*ledger.files, "signature.json"):
            files[f"ledger/{each}"] = (folder / "ledger" / each).read_bytes()
        yield with_manifest(path, {**files, name: hostile})


def _archive(made: archives.Made) -> Callable[[Run], Iterator[Path]]:
    def tries(run: Run) -> Iterator[Path]:
        with _own(run) as path:
            yield made(opened_bundle(run.bundle), path)

    return tries


def _nested(name: str, more: bytes) -> Callable[[Run], Iterator[Path]]:
    """A tar within the bundle that holds what it must not; the manifest fits."""

    def tries(run: Run) -> Iterator[Path]:
        files = opened_bundle(run.bundle)
        (inside,) = (each for each in files if each.startswith(name))
        other = files[inside].rstrip(b"\0")
        other += bytes(-len(other) % 512)
        with _own(run) as path:
            body = other + more
            yield with_manifest(path, {**files, inside: body + archives.ending(len(body))})

    return tries


# ---------------------------------------------------------------- the table


def cases() -> tuple[Case, ...]:
    """Every way to forge, in order."""
    link = archives.member("code/zz", kind=b"2", linkname="/etc/passwd")
    up = archives.member("../escaped", b"x")
    return (*_bytes(), *_chains(), *_parts(), *_archives(link, up))


def _bytes() -> tuple[Case, ...]:
    return (
        Case("a bit of the bundle file flipped", (FORGED, CUT), _flipped_file),
        Case("a bundle cut short", (CUT,), _cut_file),
        Case("a bundle with something after it", (FORGED,), _grown_file, "changed after"),
        Case("a bit of any file in it flipped", (FORGED,), _flipped_members(packed, 2)),
        Case("… and the manifest made to fit", (FORGED,), _flipped_members(with_manifest, 1)),
        Case("a file left out, the manifest made to fit", (FORGED,), _lacking),
        Case("a file put in, the manifest made to fit", (FORGED,), _beside, "belongs to nothing"),
        Case("an event cut, repeated, moved or torn", (FORGED,), _events),
        Case("the last events cut off a signed ledger", (FORGED,), _cut_end),
        Case("its signature taken away", (UNKNOWN,), _absent_signature, "unsigned"),
    )


def _chains() -> tuple[Case, ...]:
    own = "hashed anew and signed by the user's own key"
    nonce = {"nonce": "0" * 64}
    better = {"bpb": 1.0}
    return (
        Case(
            "a better score, all hashed anew, unsigned", (UNKNOWN,), _rewrite(lower, signed=False)
        ),
        Case("… and signed by another key", (UNKNOWN,), _rewrite(lower, signed=True), "unknown"),
        Case("… with the old signature", (FORGED,), _old_signature, "of another ledger"),
        Case("… another's with the trusted key's name", (FORGED,), _name_put_in, "does not fit"),
        Case("another image, all hashed anew", (UNKNOWN,), _rewrite(_other_image, signed=True)),
        Case(
            "more bytes to divide by, hashed anew", (UNKNOWN,), _rewrite(_fewer_bytes, signed=True)
        ),
        Case("charges of two documents exchanged", (FORGED,), _swapped_in_place, "was changed"),
        Case(f"… {own}", (FORGED,), _swapped_and_hashed, "score root"),
        Case(
            "… and root, replay and verdict, by another key",
            (UNKNOWN,),
            _rewrite(swapped, signed=True),
        ),
        Case(
            f"a verdict's number edited, {own}",
            (FORGED,),
            _rechained(_said("verdict", **better)),
            "in other words or numbers",
        ),
        Case(
            f"a verdict's answer edited, {own}",
            (FORGED,),
            _rechained(_said("verdict", answer="REFUTED")),
            "the evidence says VERIFIED, the ledger REFUTED",
        ),
        Case(
            f"evidence edited, not its verdict, {own}",
            (FORGED,),
            _rechained(_said("training", exit_code=1)),
        ),
        Case(
            f"a nonce that opens no commitment, {own}",
            (FORGED,),
            _rechained(_said("nonce", **nonce)),
            "nonce",
        ),
        Case(
            f"a nonce that another key signed, {own}",
            (FORGED,),
            _rechained(_said("opening", public_key="0" * 64)),
            "not signed by",
        ),
        Case(
            f"a second attempt shown as the first, {own}",
            (FORGED,),
            _rechained(_said("opening", attempt=2)),
            "not signed by",
        ),
        Case(f"two verdicts in one ledger, {own}", (FORGED,), _rechained(_twice), "2 verdicts"),
        Case(
            f"the nonce opened before the pass, {own}",
            (FORGED,),
            _rechained(_moved("nonce", "pass")),
            "after the nonce",
        ),
        Case(
            f"a replay before the nonce, {own}",
            (FORGED,),
            _rechained(_moved("replay", "nonce")),
            "before the nonce",
        ),
        Case(f"no nonce at all, {own}", (FORGED,), _rechained(_without_nonce)),
    )


def _without_nonce(events: list[dict[str, Any]]) -> None:
    events[:] = [event for event in events if event["kind"] != "nonce"]


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
    )


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


def main(arguments: list[str]) -> int:
    """Print the table; 1 where a row is not as expected."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks.forgeries")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory(prefix="gv-forgeries-") as name:
        for row in rows(Path(name)):
            found.append(row)
            if not asked.json:
                mark = "ok " if row.ok else "BAD"
                print(f"{mark} {row.forgery:<62} {row.expected:<8} {row.happened}", flush=True)
    wrong = sum(not row.ok for row in found)
    if asked.json:
        print(json.dumps([dataclasses.asdict(row) for row in found], indent=1))
    else:
        print(f"{len(found)} forgeries, {wrong} not as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
