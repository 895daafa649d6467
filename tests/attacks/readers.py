"""A tokenizer file that takes over its reader: what that reader can do, and what the host says.

No model is known that makes sentencepiece run code (`tests/fuzz/tokenizers.py` looks for one), and
those that it should not like are read by itself. Beside that the reader's own code is replaced by
what such a model could make of it: it dies, never ends, eats memory, or leaves what it likes.
Then an honest reader answers, to show that the verifier lives.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.attacks.rows import Row
from tests.fuzz.models import HONEST as HONEST_MODEL
from tests.sandbox import traces
from tests.sandbox.conftest import LIMITS, Boxes
from tests.scoring.test_tokenizing import held_out
from verifier import installed
from verifier.errors import BadSubmission
from verifier.heldout import Tokens
from verifier.records import BoxSpec, Mount
from verifier.scoring.tokenizing import tokenize
from verifier.submission.tokenizer import reserialised

HONEST = """
import base64, json, struct, sys
documents = [json.loads(line)["text"].encode() for line in open(sys.argv[2], encoding="utf-8")]
pieces = [base64.b64encode(bytes([value])).decode() for value in range(256)]
def leave(counts, ids, table):
    for name, content in (("counts.bin", counts), ("ids.bin", ids), ("pieces.json", table)):
        open(f"{sys.argv[3]}/{name}", "wb").write(content)
leave(
    b"".join(struct.pack("<q", len(each)) for each in documents),
    b"".join(struct.pack("<i", value) for each in documents for value in each),
    json.dumps({"pieces": pieces, "bos": -1}).encode(),
)
"""
SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What the reader does; after an honest answer where `then` says so."""

    name: str
    source: str
    then: bool = False


FORKS = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
DEEP = """
import os
os.chdir("/out")
try:
    for _ in range(10_000):
        os.mkdir("d")
        os.chdir("d")
except OSError:
    pass
"""
HOLE = """
import os
for power in range(60, 12, -1):
    try:
        os.truncate("/out/{name}", 1 << power)
        break
    except OSError:
        continue
"""
LINK = """
import os
os.remove("/out/ids.bin")
os.symlink("/etc/shadow", "/out/ids.bin")
"""
OBJECTS = "open('/out/pieces.json', 'wb').write(b'[' + b'{},' * 10_000_000 + b'{}]')"
LONG = """
table = {"pieces": ["QUFB" * 10_000_000], "bos": -1}
ids = struct.pack("<11i", *[0] * 11)
leave(struct.pack("<3q", 4, 1, 6), ids, json.dumps(table).encode())
"""
READERS = (
    Reader(name="dies of a segfault", source="import os; os.kill(os.getpid(), 11)"),
    Reader(name="dies of an abort", source="import os; os.abort()"),
    Reader(name="never ends", source="while True: pass"),
    Reader(name="eats memory", source="held = []\nwhile True: held.append(bytearray(1 << 24))"),
    Reader(name="forks without end", source=FORKS),
    Reader(name="floods its log", source="while True: print('x' * 9999)"),
    Reader(name="leaves nothing", source=""),
    Reader(
        name="leaves the largest hole in its ids", source=HOLE.format(name="ids.bin"), then=True
    ),
    Reader(name="leaves one in its table", source=HOLE.format(name="pieces.json"), then=True),
    Reader(name="leaves a link", source=LINK, then=True),
    Reader(name="leaves folders in folders", source=DEEP, then=True),
    Reader(name="leaves ten million empty objects", source=OBJECTS, then=True),
    Reader(name="leaves a piece of thirty megabytes", source=LONG, then=True),
)


def read(boxes: Boxes, reader: Reader) -> Row:
    """Ask one reader, then an honest one; what is not as it must be is said in `wrong`."""
    before, began = traces.of_boxes(), time.monotonic()
    source = f"{HONEST}\n{reader.source}" if reader.then else reader.source
    came = answered(boxes, source)
    seconds = time.monotonic() - began
    again = answered(boxes, HONEST)
    said = [
        "" if isinstance(again, Tokens) and again.unspelled == 0 else f"then: {again}",
        *_ill(came),
        f"took {seconds:.0f} s" if seconds > SECONDS + 30 else "",
        *(f"left {what}" for what in traces.of_boxes() - before),
    ]
    return Row(
        expected="the submission is blamed, or its documents are not spelled",
        got=f"{came}"[:160] if isinstance(came, BadSubmission) else f"{came.unspelled} unspelled",
        wrong="; ".join(filter(None, said)),
        figures={"seconds": round(seconds, 1)},
    )


def read_file(boxes: Boxes, content: bytes) -> Row:
    """The real reader in a box of the pinned image, and a file that nobody would train."""
    try:
        shipped = reserialised(content, "own.model")
    except BadSubmission as fault:
        return Row(expected="blames the submission", got=f"before any box: {fault}", wrong="")
    before, began = traces.of_boxes(), time.monotonic()
    source = (installed.path("images") / "guest" / "tokenize_documents.py").read_text("utf-8")
    came = answered(boxes, source, shipped)
    seconds = time.monotonic() - began
    again = answered(boxes, source, HONEST_MODEL.bytes())
    said = [
        "" if isinstance(again, Tokens) else f"then: {again}",
        f"took {seconds:.0f} s" if seconds > SECONDS + 30 else "",
        *(f"left {what}" for what in traces.of_boxes() - before),
    ]
    tokens = isinstance(came, Tokens)
    return Row(
        expected="tokens, or the submission is blamed",
        got=f"{came.targets} tokens, {came.unspelled} unspelled" if tokens else f"{came}"[-160:],
        wrong="; ".join(filter(None, said)),
        figures={"seconds": round(seconds, 1)},
    )


def _ill(came: Tokens | BadSubmission) -> Iterator[str]:
    if isinstance(came, Tokens):
        if came.unspelled == 0 and came.vocabulary != 257:
            yield "believed"
    elif "model" not in came.file and came.file != "own":
        yield f"blames {came.file}"


def answered(boxes: Boxes, source: str, content: bytes = b"a model") -> Tokens | BadSubmission:
    """What the host makes of a reader with that source."""
    place = boxes.folder
    for name in ("harness", "models"):
        (place / name).mkdir(exist_ok=True)
    (place / "harness" / "tokenize_documents.py").write_text(textwrap.dedent(source), "utf-8")
    model = place / "models" / "own.model"
    model.write_bytes(content)
    try:
        return tokenize(
            held_out(place), model, "d" * 64, boxes.sandbox, _spec(boxes, place), lambda _: None
        )
    except BadSubmission as fault:
        return fault


def _spec(boxes: Boxes, place: Path) -> BoxSpec:
    return BoxSpec(
        label="",
        root=boxes.root,
        argv=(),
        environment={},
        inputs=(Mount(source=place / "harness", target="/harness"),),
        output=None,
        channel=None,
        working_folder="/",
        limits=replace(LIMITS, wall_seconds=SECONDS, memory_bytes=256 << 20),
    )
