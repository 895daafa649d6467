"""The ledger itself: a folder that events are appended to, and that is verified when opened."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

import numpy as np

from verifier.errors import (
    BrokenInvariant,
    LedgerDamaged,
    LedgerForeign,
    LedgerUnfinished,
    RequestError,
    StorageFault,
)
from verifier.ledger import arrays, chain, events
from verifier.ledger.arrays import Stored
from verifier.ledger.codec import (
    Mismatch,
    array_fields,
    decode_record,
    encode_record,
)
from verifier.ledger.lock import locked
from verifier.records import Array, Evidence, HeldOutFacts, Opening, Pass, Verdict

EVENTS_FILE = "ledger.jsonl"
POLICY_FILE = "policy.yaml"

_EVENTS_BYTES = 1 << 30
_POLICY_BYTES = 1 << 16

Event = TypeVar("Event")


class Ledger:
    """Events in order. `head` is the hash of the last, which covers all before it.

    Made by `create`, `resume` or `resume_or_create`, which lock the folder until `close` (or the
    end of a `with` block), or by `open`, which only reads.
    """

    def __init__(self, folder: Path, lock: IO[bytes] | None) -> None:
        """Use `create`, `open`, `resume` or `resume_or_create`."""
        self.folder = folder
        self.head = chain.START
        self._events: list[Any] = []
        self._bytes = 0
        self._lock = lock

    # ------------------------------------------------------------ made and opened

    @classmethod
    def create(cls, folder: Path) -> Self:
        """A new, empty ledger. Raises RequestError when there is one, or another verifier."""
        lock = locked(folder)
        if os.path.lexists(folder / EVENTS_FILE):
            lock.close()
            raise RequestError(f"{folder} holds a ledger already", remedy="resume it")
        try:
            arrays.write(folder / EVENTS_FILE, b"")
        except OSError as fault:
            lock.close()
            raise StorageFault(f"{folder} cannot be written: {fault.strerror}") from fault
        return cls(folder, lock)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """An existing ledger, read-only, with every hash, array and the policy verified.

        Raises LedgerDamaged naming file and place of the first thing that is not as it was
        recorded; LedgerUnfinished for a line that a crash tore before there was a verdict.
        """
        ledger = cls(folder, None)
        torn = ledger._read()
        if torn:
            kind = LedgerDamaged if ledger.find(Verdict) else LedgerUnfinished
            raise kind(
                "the last line has no end",
                file=folder / EVENTS_FILE,
                place=len(ledger._events) + 1,
                remedy="if a crash tore it, resume the run: that event is then recorded again",
            )
        if not ledger._events:
            raise LedgerUnfinished("holds no event", file=folder / EVENTS_FILE)
        return ledger

    @classmethod
    def resume(cls, folder: Path) -> Self:
        """An existing ledger to append to; a last line that a crash tore is cut off.

        So are arrays whose event it kept from being recorded.

        Raises LedgerDamaged as `open` does, RequestError when there is no ledger or another
        verifier is at work on it, StorageFault when it cannot be written.
        """
        if not os.path.lexists(folder / EVENTS_FILE):
            raise RequestError(f"{folder} holds no ledger")
        ledger = cls(folder, locked(folder))
        try:
            if ledger._read():
                os.truncate(folder / EVENTS_FILE, ledger._bytes)
            ledger._forget_unrecorded()
        except OSError as fault:
            ledger.close()
            raise StorageFault(f"{folder} cannot be written: {fault.strerror}") from fault
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def resume_or_create(cls, folder: Path) -> Self:
        """`resume` where there is a ledger, else `create`."""
        there = os.path.lexists(folder / EVENTS_FILE)
        return cls.resume(folder) if there else cls.create(folder)

    def close(self) -> None:
        """Let another verifier at it. What was appended is on disk already."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------ written

    def write_policy(self, text: bytes) -> None:
        """Keep the policy file's bytes. To be done before the opening, which holds their digest."""
        if self._lock is None or self._events:
            raise BrokenInvariant("a policy is kept once, before the first event")
        try:
            arrays.write(self.folder / POLICY_FILE, text)
        except OSError as fault:
            raise StorageFault(f"{self.folder} cannot be written: {fault.strerror}") from fault

    def append(self, record: Any) -> str:
        """Record one event, on disk when this returns. Returns the new head.

        What `find` and `evidence` give afterwards is what was read back. Raises BrokenInvariant
        for what is no event or cannot have happened, StorageFault when the disk does not take it.
        """
        if self._lock is None:
            raise BrokenInvariant("this ledger was opened to be read")
        if type(record) not in events.KIND_OF:
            raise BrokenInvariant(f"{type(record).__name__} is not an event")
        if wrong := events.out_of_order(self._events, record):
            raise BrokenInvariant(f"{self.folder}: {wrong}")
        try:
            data = encode_record(record)
        except Mismatch as fault:
            raise BrokenInvariant(f"{type(record).__name__}: {fault}") from fault
        try:
            line = self._stored(record, data)
            self._write(line + b"\n")
        except OSError as fault:
            self._withdraw(record)
            raise StorageFault(f"{self.folder} cannot be written: {fault.strerror}") from fault
        self._admit(line)
        return self.head

    def _stored(self, record: Any, data: dict[str, Any]) -> bytes:
        """Write the arrays of `record`; the line that states it."""
        kind, seq = type(record), len(self._events)
        stored = {
            name: encode_record(
                arrays.store(
                    self.folder,
                    _file(seq, record, name),
                    events.DTYPES[kind, name],
                    getattr(record, name),
                    self._ends(kind, name, len(getattr(record, name))),
                )
            )
            for name in array_fields(kind)
        }
        return chain.written(seq, self.head, events.KIND_OF[kind], data, stored)[0]

    def _write(self, content: bytes) -> None:
        """Append to the events file; a write that fails leaves nothing behind."""
        path = self.folder / EVENTS_FILE
        with path.open("r+b", buffering=0) as file:
            file.seek(self._bytes)
            try:
                if file.write(content) != len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(self._bytes)
                raise

    def _withdraw(self, record: Any) -> None:
        """Remove the arrays of an event that could not be recorded."""
        for name in array_fields(type(record)):
            path = self.folder / _file(len(self._events), record, name)
            for made in (path, arrays.index_path(path)):
                with suppress(OSError):  # what stays is written over when the event comes again
                    made.unlink()

    def _forget_unrecorded(self) -> None:
        """Remove what lies where arrays lie and belongs to no event. Raises OSError."""
        known = set(self.files)
        for place in (arrays.CHARGES, arrays.ARRAYS):
            folder = self.folder / place
            for path in folder.iterdir() if folder.is_dir() and not folder.is_symlink() else ():
                if path.is_file() and f"{place}/{path.name}" not in known:
                    path.unlink()

    # ------------------------------------------------------------ read

    @property
    def records(self) -> tuple[Any, ...]:
        """All events in order."""
        return tuple(self._events)

    def find(self, kind: type[Event], seed: int | None = None) -> tuple[Event, ...]:
        """All events of one kind, of one seed if given, in order."""
        return events.of(self._events, kind, seed)

    @property
    def files(self) -> tuple[str, ...]:
        """All files that it rests on, relative to its folder; its signature is none of them."""
        found = [EVENTS_FILE, POLICY_FILE]
        for seq, record in enumerate(self._events):
            kind = type(record)
            for name in array_fields(kind):
                path = _file(seq, record, name)
                found.append(path)
                if self._ends(kind, name, len(getattr(record, name))) is not None:
                    found.append(str(arrays.index_path(Path(path))))
        return tuple(found)

    def evidence(self) -> Evidence:
        """The whole ledger as the audits read it.

        Raises LedgerUnfinished when it ends before the held-out data was counted.
        """
        found = events.evidence(self._events)
        if found is None:
            raise LedgerUnfinished(
                "ends before the held-out data was counted",
                file=self.folder / EVENTS_FILE,
                place=len(self._events),
                remedy="finish it with `verifier verify` first",
            )
        return found

    def _read(self) -> bytes:
        """Verify everything. Returns the torn last line, b"" where there is none."""
        text = arrays.read_file(self.folder / EVENTS_FILE, _EVENTS_BYTES)
        *lines, torn = text.split(b"\n")
        for line in lines:
            self._admit(line)
        return torn

    def _admit(self, line: bytes) -> None:
        """Verify the next line with its arrays, and take its event."""
        number = len(self._events) + 1
        try:
            event = chain.read(line, number - 1, self.head)
            kind = events.KINDS.get(event["kind"])
            if kind is None:
                raise Mismatch("kind", "is unknown")
            plain = decode_record(kind, event["data"], "data")
            if wrong := events.out_of_order(self._events, plain):
                raise Mismatch("", f"cannot stand here: {wrong}")
            record = replace(plain, **self._arrays(plain, number - 1, event["arrays"]))
        except Mismatch as fault:
            file = self.folder / EVENTS_FILE
            raise LedgerDamaged(str(fault), file=file, place=number) from fault
        if isinstance(record, Opening):
            self._check_opening(record)
        self._events.append(record)
        self.head = event["hash"]
        self._bytes += len(line) + 1

    def _arrays(self, plain: Any, seq: int, said: Any) -> dict[str, Array]:
        """The arrays of an event whose other fields are `plain`."""
        kind = type(plain)
        if not isinstance(said, dict) or set(said) != set(array_fields(kind)):
            raise Mismatch("arrays", f"must have {', '.join(array_fields(kind)) or 'no keys'}")
        found = {}
        for name in array_fields(kind):
            stored: Stored = decode_record(Stored, said[name], f"arrays.{name}")
            expected = _file(seq, plain, name), events.DTYPES[kind, name]
            if (stored.file, stored.dtype) != expected or stored.length < 0:
                raise Mismatch(f"arrays.{name}", f"must be {expected[0]} of {expected[1]}")
            ends = self._ends(kind, name, stored.length)
            found[name] = arrays.load(self.folder, stored, ends)
        return found

    def _ends(self, kind: type, name: str, length: int) -> Array | None:
        """Where each document's charges end, for what is indexed by document."""
        if (kind, name) != (Pass, "charges"):
            return None
        for held_out in self.find(HeldOutFacts):
            ends: Array = np.cumsum(held_out.target_counts)
            if len(ends) and int(ends[-1]) == length and held_out.target_counts.min() >= 0:
                return ends
        return None

    def _check_opening(self, opening: Opening) -> None:
        """The format is ours, and the policy beside the events is the one that was in force."""
        if opening.format != chain.FORMAT:
            raise LedgerForeign(
                f"was written as {opening.format[:40]!a}, not '{chain.FORMAT}'",
                file=self.folder / EVENTS_FILE,
                place=1,
            )
        text = arrays.read_file(self.folder / POLICY_FILE, _POLICY_BYTES)
        if hashlib.sha256(text).hexdigest() != opening.policy_digest:
            raise LedgerDamaged(
                "is not the policy that the ledger was opened under",
                file=self.folder / POLICY_FILE,
            )


def _file(seq: int, record: Any, name: str) -> str:
    """Where an event's array lies. Only this place is ever read: no ledger can name another."""
    suffix = arrays.SUFFIXES[events.DTYPES[type(record), name]]
    if isinstance(record, Pass) and name == "charges":
        return f"{arrays.CHARGES}/seed-{record.seed}.{suffix}"
    return f"{arrays.ARRAYS}/{seq:04d}-{name}.{suffix}"
