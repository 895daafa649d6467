"""One changed byte, one moved line, one strange file: refused, with file and place."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ledger import samples
from tests.ledger.samples import EVENTS, LINES, POLICY, every_kind, finished, forge, written
from verifier.errors import LedgerDamaged
from verifier.ledger import Ledger

# opening, held-out data, a pass with its charges, the nonce, a verdict
SMALL = (0, 1, 6, 8, 15)


def damage(folder: Path) -> LedgerDamaged:
    with pytest.raises(LedgerDamaged) as caught:
        Ledger.open(folder)
    return caught.value


def evidence_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "ledger.lock")


def place_of(path: Path, content: bytes, at: int) -> str:
    """Where a change of byte `at` must be said to be."""
    if path.name == EVENTS:
        return str(content[:at].count(b"\n") + 1)
    if path.suffix == ".index":
        return f"document {at // 16}"
    if path.name == "policy.yaml":
        return ""
    bytes_of = f"bytes 0 to {len(content) - 1}"
    if path.parent.name != "charges":
        return bytes_of
    ends = np.cumsum(samples.COUNTS) * 4
    return f"document {int(np.searchsorted(ends, at, side='right'))}, {bytes_of}"


def flip_and_check(folder: Path, path: Path, content: bytes, at: int, bit: int) -> None:
    with path.open("r+b", buffering=0) as file:
        file.seek(at)
        file.write(bytes([content[at] ^ (1 << bit)]))
        fault = damage(folder)
        file.seek(at)
        file.write(content[at : at + 1])
    assert (fault.file, fault.place) == (str(path), place_of(path, content, at)), (at, bit)


def test_every_single_flipped_byte_is_refused_at_its_place(tmp_path: Path) -> None:
    """§5: no byte of a finished ledger is free, in the events, any array, index or policy."""
    folder = finished(tmp_path / "ledger", *SMALL)
    files = evidence_files(folder)
    assert {path.name for path in files} == {
        EVENTS,
        "policy.yaml",
        "seed-7.f32",
        "seed-7.index",
        "0001-target_counts.i32",
        "0001-byte_counts.i32",
        "0002-reference.f32",
    }
    for path in files:
        content = path.read_bytes()
        for at in range(len(content)):
            flip_and_check(folder, path, content, at, at % 8)
    assert len(Ledger.open(folder).records) == len(SMALL)


def test_flipped_bits_anywhere_in_a_ledger_of_every_kind_are_refused(tmp_path: Path) -> None:
    """The same over all kinds of events and arrays, at 400 random bits."""
    folder = finished(tmp_path / "ledger")
    chosen = random.Random(7)
    files = [(path, path.read_bytes()) for path in evidence_files(folder)]
    for path, content in files:
        for _ in range(200 if path.name == EVENTS else 200 // len(files)):
            flip_and_check(
                folder, path, content, chosen.randrange(len(content)), chosen.randrange(8)
            )
    assert len(Ledger.open(folder).records) == LINES


@pytest.mark.parametrize("number", range(LINES))
def test_a_line_that_is_cut_repeated_or_moved_is_refused(tmp_path: Path, number: int) -> None:
    """Each names the hash of the one before."""
    folder = finished(tmp_path / "ledger")
    path = folder / EVENTS
    lines = path.read_bytes().splitlines(keepends=True)
    before, line, after = lines[:number], lines[number], lines[number + 1 :]
    following = str(number + 1)
    changes: list[tuple[list[bytes], str]] = [([*before, line, line, *after], str(number + 2))]
    if after:
        changes.append(([*before, *after], following))
        changes.append(([*before, after[0], line, *after[1:]], following))
    changes.append(([*before, line[: len(line) // 2] + b"\n", *after], following))
    changes.append(([*before, b"\n", line, *after], following))
    for changed, place in changes:
        path.write_bytes(b"".join(changed))
        fault = damage(folder)
        assert (fault.file, fault.place) == (str(path), place)


def test_a_ledger_without_its_last_events_has_another_head(tmp_path: Path) -> None:
    """Cut at a line's end it is whole, and no longer what was signed."""
    folder = finished(tmp_path / "ledger")
    head = Ledger.open(folder).head
    path = folder / EVENTS
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert Ledger.open(folder).head != head


def test_a_line_of_another_ledger_is_refused(tmp_path: Path) -> None:
    """The chain begins with the opening: nothing can be taken over."""
    folder = finished(tmp_path / "ledger")
    other = written(tmp_path / "other", samples.opening(attempt=2), *every_kind()[1:])
    mine, theirs = (f.joinpath(EVENTS).read_bytes().splitlines(True) for f in (folder, other))
    (folder / EVENTS).write_bytes(b"".join([*mine[:-1], theirs[-1]]))
    assert damage(folder).place == str(LINES)


@pytest.mark.parametrize("size", [0, 3, 1 << 20, 1 << 40])
def test_every_file_of_another_length_is_refused(tmp_path: Path, size: int) -> None:
    """Emptied, cut, or grown to a sparse terabyte that nobody reads."""
    folder = finished(tmp_path / "ledger", *SMALL)
    for path in evidence_files(folder):
        content = path.read_bytes()
        os.truncate(path, size)
        assert damage(folder).file == str(path)
        path.write_bytes(content)
    assert len(Ledger.open(folder).records) == len(SMALL)


OBSTACLES: dict[str, Callable[[Path, Path], None]] = {
    "absent": lambda path, aside: None,
    "fifo": lambda path, aside: os.mkfifo(path),
    "folder": lambda path, aside: path.mkdir(),
    "link": lambda path, aside: path.symlink_to(aside),
    "dangling": lambda path, aside: path.symlink_to(aside.with_name("nowhere")),
    "device": lambda path, aside: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path: Path, obstacle: str) -> None:
    """Links are not followed even to the right content, and a FIFO hangs nobody."""
    folder = finished(tmp_path / "ledger", *SMALL)
    aside = tmp_path / "aside"
    for path in evidence_files(folder):
        path.rename(aside)
        OBSTACLES[obstacle](path, aside)
        fault = damage(folder)
        assert fault.file == str(path)
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        aside.replace(path)
    assert len(Ledger.open(folder).records) == len(SMALL)


@pytest.mark.parametrize("name", ["charges", "arrays"])
def test_folders_inside_a_ledger_are_no_links(tmp_path: Path, name: str) -> None:
    """A ledger is one folder: what it names lies in it."""
    folder = finished(tmp_path / "ledger", *SMALL)
    (folder / name).rename(tmp_path / "aside")
    (folder / name).symlink_to(tmp_path / "aside")
    assert damage(folder).file == str(folder / name)


def test_a_ledger_may_itself_be_reached_through_a_link(tmp_path: Path) -> None:
    """Where its reader keeps it is the reader's business."""
    folder = finished(tmp_path / "ledger", *SMALL)
    (tmp_path / "mine").symlink_to(folder)
    assert Ledger.open(tmp_path / "mine").head == Ledger.open(folder).head


# ---------------------------------------------------------------- a forger with the right hashes


def forged(folder: Path, number: int, change: Callable[[dict[str, Any]], None]) -> str:
    """What is said when event `number` is changed and the chain made to fit."""
    forge(folder, lambda events: change(events[number]))
    fault = damage(folder)
    assert (fault.file, fault.place) == (str(folder / EVENTS), str(number + 1))
    return str(fault)


def setting(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(event: dict[str, Any]) -> None:
        *parents, last = path
        for key in parents:
            event = event[key]
        event[last] = to

    return change


def dropping(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(event: dict[str, Any]) -> None:
        *parents, last = path
        for key in parents:
            event = event[key]
        del event[last]

    return change


@pytest.mark.parametrize(
    ("number", "change", "said"),
    [
        (2, setting("kind", to="gossip"), "'kind' is unknown"),
        (2, setting("kind", to="opening"), "'data.'bpb'' is unknown"),
        (2, setting("more", to=1), "must have the keys"),
        (0, setting("data", "verdict", to="VERIFIED"), "'data.'verdict'' is unknown"),
        (0, dropping("data", "attempt"), "'data.attempt' is missing"),
        (0, setting("data", "attempt", to="1"), "'data.attempt' must be a int"),
        (4, setting("data", "wall_seconds", to=[1, 2]), r"'data.wall_seconds\[0\]' must be a flo"),
        (4, setting("data", to=[]), "'data' must be an object"),
        (4, setting("arrays", to={"log": {}}), "'arrays' must have no keys"),
        (4, setting("arrays", to=None), "'arrays' must have no keys"),
        (6, dropping("arrays", "charges"), "'arrays' must have charges, reference"),
        (6, setting("arrays", "charges", to=7), "'arrays.charges' must be an object"),
        (6, dropping("arrays", "charges", "sha256"), "'arrays.charges.sha256' is missing"),
        (6, setting("arrays", "charges", "size", to=1), "'arrays.charges.'size'' is unknown"),
        (
            6,
            setting("arrays", "charges", "length", to=-1),
            "'arrays.charges' must be charges/seed-7.f32 of <f4",
        ),
        (6, setting("arrays", "charges", "dtype", to="<f8"), "must be charges/seed-7.f32 of <f4"),
        (6, setting("arrays", "charges", "dtype", to="object"), "must be charges/seed-7.f32"),
        (6, setting("arrays", "charges", "file", to="/etc/passwd"), "must be charges/seed-7.f32"),
        (6, setting("arrays", "charges", "file", to="../a.f32"), "must be charges/seed-7.f32"),
        (6, setting("arrays", "reference", "file", to="charges/seed-7.f32"), "must be arrays/0006"),
        (0, setting("data", "format", to="ledger/1"), "was written as 'ledger/1', not 'ledger/2'"),
        (0, setting("data", "format", to="\n" * 99), r"was written as '(\\n){40}', not"),
    ],
)
def test_hashes_that_fit_do_not_make_an_event_of_anything(
    tmp_path: Path, number: int, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    """Unknown kinds, keys and types, other files than its own: refused by line and key."""
    folder = finished(tmp_path / "ledger")
    assert re.search(said, forged(folder, number, change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda events: events.insert(3, events[1]),
            "this line cannot stand here: 'held-out' stands twice",
        ),
        (lambda events: events.append(events[0]), "one opening, first"),
        (lambda events: events.pop(0), "one opening, first"),
        (lambda events: events.append(events[5]), "'weighing' of seed 7 stands twice"),
    ],
)
def test_hashes_that_fit_do_not_make_an_order_possible(
    tmp_path: Path, change: Callable[[list[Any]], None], said: str
) -> None:
    """Two held-out counts, two openings or none, two weighings of a seed."""
    folder = finished(tmp_path / "ledger")
    forge(folder, change)
    assert said in str(damage(folder))


def test_another_policy_with_its_own_digest_is_another_ledger(tmp_path: Path) -> None:
    """The digest stands in the opening, which every hash covers."""
    folder = finished(tmp_path / "ledger")
    head = Ledger.open(folder).head
    text = POLICY.replace(b"tiny", b"lax!")
    (folder / "policy.yaml").write_bytes(text)
    assert "is not the policy" in str(damage(folder))
    digest = hashlib.sha256(text).hexdigest()
    forge(folder, lambda events: events[0]["data"].update(policy_digest=digest))
    assert Ledger.open(folder).head != head


def test_a_seed_of_a_thousand_digits_names_no_file(tmp_path: Path) -> None:
    """A hostile number ends as a refusal, not as a traceback."""
    folder = finished(tmp_path / "ledger")
    seed = int("7" * 1000)

    def change(events: list[dict[str, Any]]) -> None:
        events[6]["data"]["seed"] = seed
        events[6]["arrays"]["charges"]["file"] = f"charges/seed-{seed}.f32"

    forge(folder, change)
    assert "cannot be read" in str(damage(folder))


@pytest.mark.parametrize("value", ["[" * 100_000, "1e999", "NaN", '"\\ud800"', "9" * 5_000])
def test_hostile_json_is_refused_and_never_crashes(tmp_path: Path, value: str) -> None:
    """Nesting without end, numbers without end, half a character."""
    folder = finished(tmp_path / "ledger")
    path = folder / EVENTS
    lines = path.read_bytes().splitlines(keepends=True)
    event = json.loads(lines[-1])
    whole = json.dumps(event["data"]["line"]).encode()
    lines[-1] = lines[-1].replace(whole, value.encode())
    path.write_bytes(b"".join(lines))
    fault = damage(folder)
    assert fault.place == str(LINES)
    assert str(fault).encode()
