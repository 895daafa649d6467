"""Bits, bytes, files and events of a bundle: flipped, cut, repeated, moved, left out, put in."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.attacks.case import CUT, FORGED, UNKNOWN, Case, copied, own
from tests.attacks.forging import Run, opened_bundle, packed, with_manifest
from verifier import bundle

TRIES = 60


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
                if name == "report.html":
                    # A picture's lines are not compared: a row of its own says so.
                    at = chosen.randrange(content.index(b"<svg"))
                if name == "report.json":
                    # The last digits of a number are rounding, and said to be; a word is not.
                    at = content.index(b"VERIFIED") + chosen.randrange(8)
                if name == "image/debs.lock":
                    # A hash is its word alone, and said to be; a name is the ledger's.
                    at = content.index(b"\n") + 2
                other = {**files, name: flipped(content, at, chosen.randrange(7))}
                with own(run) as path:
                    yield pack(path, other)

    return tries


def _lacking(run: Run) -> Iterator[Path]:
    """Each file that must be there left out, the manifest made to fit."""
    files = opened_bundle(run.bundle)
    for name in files:
        if name.startswith("image/") or name == "ledger/signature.json":
            continue
        rest = {other: content for other, content in files.items() if other != name}
        with own(run) as path:
            yield packed(path, rest) if name == bundle.MANIFEST else with_manifest(path, rest)


def _beside(run: Run) -> Iterator[Path]:
    files = opened_bundle(run.bundle)
    for name in ("key.pem", "ledger/ledger.lock", "ledger/arrays/9999-x.f32", "report.html.js"):
        with own(run) as path:
            yield with_manifest(path, {**files, name: b"x"})


def _absent_signature(run: Run) -> Iterator[Path]:
    files = opened_bundle(run.bundle)
    del files["ledger/signature.json"]
    with own(run) as path:
        yield with_manifest(path, files)


def _events(run: Run) -> Iterator[Path]:
    """Each event cut, repeated, torn or moved, in turn; the manifest made to fit.

    `tests/ledger/test_damage.py` does each of these to each event of a ledger.
    """
    files = opened_bundle(run.bundle)
    lines = files["ledger/ledger.jsonl"].splitlines(keepends=True)
    for number, line in enumerate(lines):
        before, after = lines[:number], lines[number + 1 :]
        changed = [[*before, *after], [*before, line, line, *after], [*before, line[:9], *after]]
        changed += [[*before, after[0], line, *after[1:]]] if after else []
        other = b"".join(changed[number % len(changed)])
        with own(run) as path:
            yield with_manifest(path, {**files, "ledger/ledger.jsonl": other})


def _cut_end(run: Run) -> Iterator[Path]:
    """A run's folder whose last event, or more, is gone: whole lines, so that the chain fits."""
    lines = (run.folder / "ledger/ledger.jsonl").read_bytes().splitlines(keepends=True)
    for kept in range(1, len(lines)):
        with own(run) as path:
            folder = copied(run, path)
            (folder / "ledger/ledger.jsonl").write_bytes(b"".join(lines[:kept]))
            yield folder


# ---------------------------------------------------------------- the table


def cases() -> tuple[Case, ...]:
    return (
        Case("a bit of the bundle file flipped", (FORGED, CUT), _flipped_file),
        Case("a bundle cut short", (CUT,), _cut_file),
        Case("a bundle with something after it", (FORGED,), _grown_file, "changed after"),
        Case("a bit of any file in it flipped", (FORGED,), _flipped_members(packed, 1)),
        Case("… and the manifest made to fit", (FORGED,), _flipped_members(with_manifest, 1)),
        Case("a file left out, the manifest made to fit", (FORGED,), _lacking),
        Case("a file put in, the manifest made to fit", (FORGED,), _beside, "belongs to nothing"),
        Case("an event cut, repeated, moved or torn", (FORGED,), _events),
        Case("the last events cut off a signed ledger", (FORGED,), _cut_end),
        Case("its signature taken away", (UNKNOWN,), _absent_signature, "unsigned"),
    )
