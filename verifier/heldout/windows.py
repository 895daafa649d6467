"""Is held-out text in what a box could read? PROTOCOL §7's windows, exactly.

A *window* is `window_bytes` of one held-out document with at least `distinct_bytes` different
bytes, absent from the training side; U+2581 is read as a space on both sides. Shares are taken
over all files of a scan together, which is stricter than over any one of them: text cut into many
files is still found.

Theory of operation. Any window of a file covers a whole gram of 16 bytes at a multiple of
`stride`, so looking only there misses nothing. Grams are hashed, tried against a bitmap of all
held-out grams, and around each one that passes the windows are hashed, looked up, and compared
byte by byte. A hit is therefore never a collision.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from verifier.errors import RequestError, StorageFault
from verifier.heldout.archives import Reader
from verifier.heldout.data import HeldOut
from verifier.heldout.fingerprints import Bytes, distinct_counts, window_hashes
from verifier.policy import SecrecyRule
from verifier.records import Secrecy
from verifier.scratch import beside_of

FORMAT = "scan/1"
_SPACE_MARK = "▁".encode()
_GRAM = 16
_BITS = 24
_K1 = np.uint64(0x9E3779B97F4A7C15)
_K2 = np.uint64(0xC2B2AE3D27D4EB4F)
_SPOTS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a scan found. `shares` [D] is each document's share of its own windows.

    `windows` counts all that were looked for; `unread` names what no bound let us read.
    """

    files: int
    scanned_bytes: int
    windows: int
    shares: tuple[float, ...]
    worst_share: float
    worst_document: int | None
    worst_file: str
    unread: tuple[str, ...]

    def record(self, *, seed: int, scanned: str) -> Secrecy:
        """The ledger's record of it."""
        return Secrecy(
            seed=seed,
            scanned=scanned,
            files=self.files,
            scanned_bytes=self.scanned_bytes,
            windows=self.windows,
            worst_share=self.worst_share,
            worst_document=self.worst_document,
            worst_file=self.worst_file,
            unread=self.unread,
        )


class Index:
    """The windows of some documents, ready to be looked for."""

    def __init__(
        self, documents: Sequence[bytes], training: Iterable[bytes], rule: SecrecyRule
    ) -> None:
        """Raises RequestError when windows are too short to cover a gram at some stride."""
        self.width = rule.window_bytes
        self.stride = _stride(self.width)
        plain = [document.replace(_SPACE_MARK, b" ") for document in documents]
        self.text: Bytes = np.frombuffer(b"".join(plain), np.uint8)
        self.ends = np.cumsum([len(document) for document in plain], dtype=np.int64)
        starts = np.arange(max(0, len(self.text) - self.width + 1), dtype=np.int64)
        owners = np.searchsorted(self.ends, starts, side="right")
        keep = distinct_counts(self.text, self.width) >= rule.distinct_bytes
        if len(starts):
            keep &= starts + self.width <= self.ends[owners]
        hashes = window_hashes(self.text, self.width)
        keep &= ~np.isin(hashes, _known(hashes, training, self.width))
        self.documents = len(documents)
        self.owners = owners[keep]
        self.hashes, first, self.group = np.unique(
            hashes[keep], return_index=True, return_inverse=True
        )
        self.places = starts[keep][first]
        self.slots = np.zeros(1 << _BITS, np.bool_)
        self.slots[_slot(self.hashes)] = True
        self.grams = np.zeros(1 << _BITS, np.bool_)
        self.grams[_slot(_gram_hashes(self.text))] = True

    def find(self, block: Bytes) -> npt.NDArray[np.int64]:
        """Which of `hashes` have their window in `block`: ascending indices."""
        aligned = block[: len(block) // 8 * 8].view("<u8")
        low, high = aligned[:: self.stride // 8], aligned[1 :: self.stride // 8]
        spots = np.flatnonzero(self.grams[_slot(_mix(low[: len(high)], high))]) * self.stride
        found = [
            self._near(block, spots[start : start + _SPOTS])
            for start in range(0, len(spots), _SPOTS)
        ]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def _near(self, block: Bytes, spots: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The windows of `block` that cover one of `spots`, looked up and compared."""
        reach = self.stride + self.width - 1
        at = (spots - self.stride + 1)[:, None] + np.arange(reach)
        inside = (at >= 0) & (at < len(block))
        near = np.where(inside, block[np.clip(at, 0, len(block) - 1)], 0).astype(np.uint8)
        hashes = window_hashes(near.ravel(), self.width)
        row = np.arange(len(spots))[:, None] * reach + np.arange(self.stride)
        whole = inside[:, : self.stride] & inside[:, self.width - 1 :]
        starts = row[whole]
        starts = starts[self.slots[_slot(hashes[starts])]]
        if not len(starts):
            return np.zeros(0, np.int64)
        sought = hashes[starts]
        place = np.minimum(np.searchsorted(self.hashes, sought), len(self.hashes) - 1)
        hit = self.hashes[place] == sought
        place, starts = place[hit], starts[hit]
        span = np.arange(self.width)
        theirs = near.ravel()[starts[:, None] + span]
        ours = self.text[self.places[place][:, None] + span]
        confirmed: npt.NDArray[np.int64] = place[(theirs == ours).all(axis=1)]
        return confirmed

    def count(self, hits: npt.NDArray[np.int64], document: int) -> int:
        """How many windows of one document are among the `hits`, indices into `hashes`."""
        found = np.zeros(len(self.hashes), np.bool_)
        found[hits] = True
        return int((found[self.group] & (self.owners == document)).sum())

    def shares(self, found: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Each document's share of its windows among the `found` [len(hashes)]: [D]."""
        total = np.bincount(self.owners, minlength=self.documents)
        hits = np.bincount(self.owners[found[self.group]], minlength=self.documents)
        return np.asarray(hits / np.maximum(total, 1), np.float64)


def _stride(width: int) -> int:
    for stride in (32, 16, 8):
        if stride - 1 + _GRAM <= width:
            return stride
    raise RequestError(f"windows of {width} bytes are too short to look for, at least 23")


def _known(
    hashes: npt.NDArray[np.uint64], training: Iterable[bytes], width: int
) -> npt.NDArray[np.uint64]:
    """Those of `hashes` that some training document has too."""
    slots = np.zeros(1 << _BITS, np.bool_)
    slots[_slot(hashes)] = True
    met = [np.zeros(0, np.uint64)]
    for document in training:
        text = np.frombuffer(document.replace(_SPACE_MARK, b" "), np.uint8)
        theirs = window_hashes(text, width)
        met.append(theirs[slots[_slot(theirs)]])
    return np.intersect1d(np.concatenate(met), hashes)


def _mix(low: npt.NDArray[np.uint64], high: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    return low * _K1 + high * _K2


def _slot(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Place in a bitmap: the well-mixed upper bits."""
    return hashes >> np.uint64(64 - _BITS)


def _gram_hashes(text: Bytes) -> npt.NDArray[np.uint64]:
    """Hashes of the 16-byte grams at every offset."""
    result = np.empty(max(0, len(text) - _GRAM + 1), np.uint64)
    for offset in range(_GRAM // 2):
        words = text[offset : offset + (len(text) - offset) // 8 * 8].view("<u8")
        result[offset::8] = _mix(words[:-1], words[1:])
    return result


def plain(blocks: Iterable[bytes], overlap: int) -> Iterator[Bytes]:
    """The stream with U+2581 read as a space, each block led by `overlap` bytes of the last."""
    kept, rest = b"", b""
    for block in blocks:
        text = rest + block
        # A mark cut in two waits for its other half.
        cut = next((n for n in (2, 1) if text.endswith(_SPACE_MARK[:n])), 0)
        text, rest = (text[:-cut], text[-cut:]) if cut else (text, b"")
        text = kept + (text.replace(_SPACE_MARK, b" ") if _SPACE_MARK in text else text)
        yield np.frombuffer(text, np.uint8)
        kept = text[-overlap:]
    if rest:
        yield np.frombuffer(kept + rest, np.uint8)


def scan(folders: Sequence[Path], held_out: HeldOut, rule: SecrecyRule) -> Scan:
    """Look for held-out windows in every file below `folders`, archives unpacked.

    Raises RequestError when the rule's windows are shorter than 23 bytes.
    """
    return look(Index(held_out.documents, held_out.training_documents(), rule), folders, Reader())


def look(index: Index, folders: Sequence[Path], reader: Reader) -> Scan:
    """Look for the windows of `index` in what `reader` can read below `folders`."""
    found = np.zeros(len(index.hashes), np.bool_)
    by_file: dict[str, npt.NDArray[np.int64]] = {}
    files = scanned = 0
    for name, blocks in reader.streams(folders):
        files += 1
        for block in plain(blocks, index.width - 1):
            scanned += len(block)
            hits = index.find(block)
            if len(hits):
                found[hits] = True
                by_file[name] = np.union1d(by_file.get(name, hits), hits)
    shares = index.shares(found)
    worst = int(shares.argmax()) if len(shares) and shares.max() > 0 else None
    blamed = {name: index.count(hits, worst) for name, hits in by_file.items() if worst is not None}
    return Scan(
        files=files,
        scanned_bytes=scanned,
        windows=len(index.owners),
        shares=tuple(float(share) for share in shares),
        worst_share=0.0 if worst is None else float(shares[worst]),
        worst_document=worst,
        worst_file="" if worst is None else max(blamed, key=lambda name: blamed[name]),
        unread=tuple(reader.unread),
    )


def scan_cached(
    folder: Path, digest: str, held_out: HeldOut, rule: SecrecyRule, store: Path
) -> Scan:
    """`scan` of one folder whose content has `digest`, kept in `store` and not repeated.

    Raises StorageFault when the store cannot be written.
    """
    key = "\0".join(
        (FORMAT, digest, held_out.manifest_digest, str(rule.window_bytes), str(rule.distinct_bytes))
    )
    kept = store / "secrecy" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
    if kept.is_file():
        return TypeAdapter(Scan).validate_json(kept.read_bytes())
    found = scan([folder], held_out, rule)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside = beside_of(kept)
        beside.write_text(json.dumps(asdict(found)))
        beside.replace(kept)
    except OSError as fault:
        raise StorageFault(f"{kept.parent} cannot be written: {fault.strerror}") from fault
    return found
