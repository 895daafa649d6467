"""A ledger written anew, hashes and all: by its own key, by another, by nobody."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.attacks import forging
from tests.attacks.case import FORGED, UNKNOWN, Case, copied, own
from tests.attacks.forging import Run, replaced, rewritten
from verifier import signature
from verifier.ledger import arrays
from verifier.ledger.chain import written
from verifier.records import (
    BoxFacts,
    HeldOutFacts,
    Opening,
    Pass,
    Replay,
)


def _rechained(change: Callable[[list[dict[str, Any]]], None]) -> Callable[[Run], Iterator[Path]]:
    """The same where no array is changed."""
    return _rechained_with_arrays(lambda events, _: change(events))


def _rechained_with_arrays(
    change: Callable[[list[dict[str, Any]], Path], None],
) -> Callable[[Run], Iterator[Path]]:
    """The last lines of JSON changed and hashed anew, and the head signed with the user's own key.

    Nobody but its owner can do this: what is refused then is refused on the evidence alone.
    """

    def tries(run: Run) -> Iterator[Path]:
        with own(run) as path:
            folder = copied(run, path)
            place = folder / "ledger" / "ledger.jsonl"
            events = [json.loads(line) for line in place.read_bytes().splitlines()]
            change(events, folder / "ledger")
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


def _batches(rows: int) -> Callable[[list[dict[str, Any]]], None]:
    """So many documents at a time."""

    def change(events: list[dict[str, Any]]) -> None:
        events[0]["data"]["submission"]["scorer"]["rows"] = rows

    return change


def _replayed_nowhere(events: list[dict[str, Any]], ledger: Path) -> None:
    """The last answer of the replay is about a target that no document has."""
    (replay,) = (event for event in events if event["kind"] == "replay")
    stored = replay["arrays"]["targets"]
    targets = np.fromfile(ledger / stored["file"], "<i8")
    targets[-1] = 1 << 62
    again = arrays.store(ledger, stored["file"], "<i8", targets, None)
    replay["arrays"]["targets"] = {**stored, **dataclasses.asdict(again), "blocks": [*again.blocks]}


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


def _without_nonce(events: list[dict[str, Any]]) -> None:
    events[:] = [event for event in events if event["kind"] != "nonce"]


def _rewrite(
    change: Callable[[Run, list[Any]], list[Any]], *, signed: bool
) -> Callable[[Run], Iterator[Path]]:
    """Everything consistent: events, roots, verdict and head; by another key or by nobody."""

    def tries(run: Run) -> Iterator[Path]:
        with own(run) as path:
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
    with own(run) as path:
        folder = copied(run, path)
        (file,) = (folder / "ledger/charges").glob("*.f32")
        file.write_bytes(charges.astype("<f4").tobytes())
        yield folder


def _swapped_and_hashed(run: Run) -> Iterator[Path]:
    """The charges exchanged and everything hashed anew, but for the score root."""
    charges = forging.swapped_charges(run)
    with own(run) as path:
        yield rewritten(run, path, replaced(Pass, charges=charges), signature.load_or_create())


def _old_signature(run: Run) -> Iterator[Path]:
    with own(run) as path:
        folder = rewritten(run, path, lambda events: lower(run, events), None)
        kept = (run.folder / "ledger" / "signature.json").read_bytes()
        (folder / "ledger" / "signature.json").write_bytes(kept)
        yield folder


def _name_put_in(run: Run) -> Iterator[Path]:
    """A stranger's signature with the trusted key's name over it."""
    with own(run) as path:
        other = signature.load_or_create(run.scratch / "other.pem")
        folder = rewritten(run, path, lambda events: lower(run, events), other)
        place = folder / "ledger" / "signature.json"
        trusted = signature.load_or_create().public_hex
        place.write_text(place.read_text().replace(other.public_hex, trusted))
        yield folder


# ---------------------------------------------------------------- the table


def cases() -> tuple[Case, ...]:
    mine = "hashed anew and signed by the user's own key"
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
        Case(f"… {mine}", (FORGED,), _swapped_and_hashed, "score root"),
        Case(
            "… and root, replay and verdict, by another key",
            (UNKNOWN,),
            _rewrite(swapped, signed=True),
        ),
        Case(
            f"a verdict's number edited, {mine}",
            (FORGED,),
            _rechained(_said("verdict", **better)),
            "in other words or numbers",
        ),
        Case(
            f"a verdict's answer edited, {mine}",
            (FORGED,),
            _rechained(_said("verdict", answer="REFUTED")),
            "the evidence says VERIFIED, the ledger REFUTED",
        ),
        Case(
            f"evidence edited, not its verdict, {mine}",
            (FORGED,),
            _rechained(_said("training", exit_code=1)),
        ),
        Case(
            f"a nonce that opens no commitment, {mine}",
            (FORGED,),
            _rechained(_said("nonce", **nonce)),
            "nonce",
        ),
        Case(
            f"a nonce that another key signed, {mine}",
            (FORGED,),
            _rechained(_said("opening", public_key="0" * 64)),
            "not signed by",
        ),
        Case(
            f"a second attempt shown as the first, {mine}",
            (FORGED,),
            _rechained(_said("opening", attempt=2)),
            "not signed by",
        ),
        Case(f"two verdicts in one ledger, {mine}", (FORGED,), _rechained(_twice), "2 verdicts"),
        Case(
            f"the nonce opened before the pass, {mine}",
            (FORGED,),
            _rechained(_moved("nonce", "pass")),
            "after the nonce",
        ),
        Case(
            f"a replay before the nonce, {mine}",
            (FORGED,),
            _rechained(_moved("replay", "nonce")),
            "before the nonce",
        ),
        Case(f"no nonce at all, {mine}", (FORGED,), _rechained(_without_nonce)),
        Case(
            f"half a character for a digest, {mine}",
            (FORGED,),
            _rechained(_said("opening", harness_digest="\ud800")),
            "score root",
        ),
        Case(
            f"batches of a trillion rows, {mine}", (FORGED,), _rechained(_batches(10**12)), "batch"
        ),
        Case(f"batches of no row, {mine}", (FORGED,), _rechained(_batches(0)), "batches"),
        Case(
            f"a replay of what is not there, {mine}",
            (FORGED,),
            _rechained_with_arrays(_replayed_nowhere),
            "where there is no target",
        ),
    )
