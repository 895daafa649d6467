"""What is fuzzed of all that a box sends or leaves: its frames, ids, notes, log and files.

As in `targets.py`, a target raises where a promise is broken.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.scoring.fake import documents, setting
from tests.scoring.guests import Act, Beside, Guest, charges
from tests.scoring.test_tokenizing import held_out as three_documents
from tests.submission.folders import policy, submission_folder
from verifier.audits.protocol import weigh
from verifier.errors import BadSubmission
from verifier.sandbox import hostile
from verifier.sandbox.boxlog import TAIL_BYTES, BoxLog, read_frames
from verifier.scoring.box import Broke
from verifier.scoring.plan import frames
from verifier.scoring.replay import blind_costs
from verifier.scoring.tokenizing import read_answer
from verifier.scratch import empty
from verifier.shadow.notes import read_notes
from verifier.submission import freeze, pull

ROWS, WIDTH = 4, 8
IDS = [documents(1).row(0)] * 3 + [documents(1).row(-1)]
FRAME = next(iter(frames(IDS, WIDTH)))
ASK = np.array([True, False, True, False])
HONEST = 128
"""A step below this is an honest answer; from there on, so many bytes of the input are it, and the
end of the line."""


class _Acts(Mapping[int, Act]):
    """The acts that a fuzzer's input plays: each request takes the next piece of it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def get(self, number: int, default: Any = None) -> Act | None:
        step, self._data = self._data[:1], self._data[1:]
        if not step:
            return Act("ends", lambda honest: honest, hangs_up=True)
        if step[0] < HONEST:
            return None
        size = step[0] - HONEST
        sent, self._data = self._data[:size], self._data[size:]
        # A guest that keeps an answer to itself is waited for, which tells a fuzzer nothing new.
        return Act("raw", lambda _: sent, hangs_up=True)

    def __getitem__(self, number: int) -> Act:
        raise KeyError(number)

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


def wire(data: bytes) -> None:
    """Any frames: charged as sent, or the fault that the contract says, and no other exception."""
    guest, box, answered = Guest(_Acts(data)), None, 0
    try:
        patient = setting(lambda: None, answer_seconds=20.0, start_seconds=20.0)
        box = Beside(patient, "pass", guest)
        for answered in range(1, 40):
            _asked(box, answered % 5)
    except Broke as broke:
        well, kind = guest.breach(ROWS, WIDTH)
        assert (well, kind) == (answered, broke.fault.kind), (well, kind, broke.fault)
        assert weigh(broke.fault).reason and not broke.fault.host_starved
    finally:
        if box is not None:
            box.close()


def _asked(box: Beside, which: int) -> None:
    """One of the requests of a pass and a replay; charges are those that were sent."""
    match which:
        case 1:
            box.reset()
        case 2:
            box.begin((3, 1, -1, 7))
        case 3:
            answer = box.score(FRAME)
            rows = charges(box.guest.diary[-1], ROWS, WIDTH)
            for row, length, sent in zip(answer, FRAME.lengths, rows, strict=True):
                assert row[:length].tobytes() == sent.tobytes()
        case 4:
            box.observe(FRAME)
        case _:
            blind_costs(box.predict(FRAME, ASK), np.array([1, 2]))


# ---------------------------------------------------------------- what a tokenizer's box leaves


@functools.cache
def scratch() -> Path:
    """One folder in memory for this process, gone with it."""
    place = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="gv-fuzz-", dir=place if place.is_dir() else None))
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _pieces(data: bytes, count: int) -> list[bytes]:
    """`data` cut into `count` pieces, each but the last as long as its two first bytes say."""
    cut = []
    for _ in range(count - 1):
        size = int.from_bytes(data[:2], "little")
        cut.append(data[2 : 2 + size])
        data = data[2 + size :]
    return [*cut, data]


def tokens(data: bytes) -> None:
    """Whatever a tokenizer's box leaves is tokens of the documents, or blames the submission."""
    held_out = three_documents(scratch())
    for name, content in zip(
        ("counts.bin", "ids.bin", "pieces.json"), _pieces(data, 3), strict=True
    ):
        (scratch() / name).write_bytes(content)
    try:
        made = read_answer(held_out, "own.model", "d" * 64, scratch())
    except BadSubmission as fault:
        assert fault.file in ("own.model", "own")
        return
    assert made.documents == len(held_out.documents)
    assert len(made.ids) == made.offsets[-1] and 0 <= made.ids.min() <= made.ids.max()
    assert made.ids.max() < made.vocabulary and made.unspelled <= made.documents


def notes(data: bytes) -> None:
    """Whatever a script's recorder leaves is notes that fit the stream, or nothing."""
    for name, content in zip(("rank0.npz", "rank0.json"), _pieces(data, 2), strict=True):
        (scratch() / name).write_bytes(content)
    found = read_notes(scratch(), 100)
    if found is not None:
        heldout = found.position[~found.training[found.block]]
        assert heldout.size == 0 or -1 <= heldout.min() <= heldout.max() < 100
        assert set(np.unique(found.gradient.view(np.uint8))) <= {0, 1}


# ---------------------------------------------------------------- what it prints and leaves


def boxlog(data: bytes) -> None:
    """Frames of any bytes: a tail of what they carry, and no more is kept."""
    ours, engines = socket.socketpair()
    with engines:
        engines.sendall(data)
    blocks = list(read_frames(ours))
    log = BoxLog(blocks, 100)
    text = log.text()
    carried = _carried(data)
    assert b"".join(blocks) == carried
    assert text == carried[-TAIL_BYTES:].decode("utf-8", "replace")


def _carried(data: bytes) -> bytes:
    carried = b""
    while len(data) >= 8:
        (size,) = struct.unpack(">I", data[4:8])
        carried += data[8 : 8 + size]
        data = data[8 + size :]
    return carried


@functools.cache
def _submission() -> Any:
    place = scratch() / "given"
    place.mkdir()
    return pull(str(submission_folder(place / "folder")), place / "store")


def output(data: bytes) -> None:
    """Any tree: copied, frozen or objected to; nothing outside is touched, nothing stays behind."""
    source, target, shelf = (scratch() / name for name in ("source", "target", "shelf"))
    secret = scratch() / "secret"
    secret.write_text("never read", encoding="ascii")
    source.mkdir()
    target.mkdir()
    try:
        _grown(source, data)
        hostile.exceeds(source, 1000, 1 << 20)
        with _folder(source) as reading, _folder(target) as writing:
            left_out = hostile.copy(reading, writing)
        assert all(said.isprintable() for said in left_out)
        for folder in (source, target):
            shipment = freeze(folder, _submission(), shelf, policy())
            assert b"never read" not in shipment.tar.read_bytes()
            assert all(said.isprintable() for said in shipment.objections)
    finally:
        for folder in (source, target):
            empty(folder)
        for folder in shelf.glob("*"):
            for path in (folder, *folder.rglob("*")):
                path.chmod(0o755)
            shutil.rmtree(folder)
    assert not source.exists() and not target.exists()
    assert secret.read_text(encoding="ascii") == "never read"


class _folder:
    """A folder's descriptor while the block runs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> int:
        self.place = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        return self.place

    def __exit__(self, *_: object) -> None:
        os.close(self.place)


def _grown(folder: Path, data: bytes) -> None:
    """What a guest with these bytes makes: each step a deed, a name, and what it is about."""
    place = os.fsencode(folder)
    root, made, at = place, [b"."], 0
    while at + 2 < len(data) and len(made) < 60:
        deed, size = data[at] % 10, data[at + 1] % 64
        name = data[at + 2 : at + 2 + size].replace(b"/", b"_").replace(b"\0", b"0") or b"x"
        at += 2 + size
        other = made[size % len(made)]
        try:
            _deed(deed, place + b"/" + name, root + b"/" + other, size)
        except OSError:
            continue
        made.append(os.path.relpath(place + b"/" + name, root))
        if deed == 1 and len(place) < 3000:
            place = place + b"/" + name
        if deed == 2:
            place = root


def _deed(deed: int, path: bytes, other: bytes, size: int) -> None:
    match deed:
        case 0 | 2:
            with open(path, "xb") as file:
                file.write(b"x" * size)
        case 1:
            os.mkdir(path)
        case 3:
            os.symlink(other, path)
        case 4:
            os.symlink(b"../secret", path)
        case 5:
            os.link(other, path, follow_symlinks=False)
        case 6:
            os.mkfifo(path)
        case 7:
            with open(path, "xb") as file:
                file.truncate(1 << (size % 43))
        case 8:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path)
        case _:
            os.symlink(path, path)


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "wire": wire,
    "tokens": tokens,
    "notes": notes,
    "boxlog": boxlog,
    "output": output,
}
