"""What are the held-out tokens under a submission's own tokenizer? (R8, PROTOCOL §7)

The tokenizer file is hostile: it is loaded only in a box of its own, without a network, that gets
the documents and leaves ids and a table of pieces. The host never parses it, and takes nothing of
the answer on trust: `heldout` compares what the ids spell with the documents.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from verifier.errors import BadSubmission, BrokenInvariant
from verifier.heldout import HeldOut, Tokens
from verifier.records import BoxFacts, BoxSpec, EndedBy, Mount
from verifier.sandbox.interface import Sandbox
from verifier.scratch import temporary

OUTPUT_BYTES_PER_BYTE = 8
PIECES_AT_MOST = 1 << 20
TABLE_BYTES = 64 << 20
_UNREADABLE = (ValueError, TypeError, KeyError, OverflowError, RecursionError, binascii.Error)


def tokenize(
    held_out: HeldOut,
    model: Path,
    digest: str,
    sandbox: Sandbox,
    spec: BoxSpec,
    opened: Callable[[BoxFacts], None],
) -> Tokens:
    """Encode the held-out documents with `model` in a box made after `spec`.

    `spec` lacks its argv, inputs for model and documents, and output. `digest` is the sha256 of
    the model file. Raises BadSubmission when the box leaves no usable answer.
    """
    with temporary("tokens") as folder:
        folder.chmod(0o755)
        documents, output = folder / "documents", folder / "out"
        documents.mkdir()
        output.mkdir()
        with (documents / "documents.jsonl").open("wb") as lines:
            for document in held_out.documents:
                lines.write(json.dumps({"text": document.decode()}).encode() + b"\n")
        size = _encoded_bytes(held_out) + 8 * len(held_out.documents) + TABLE_BYTES
        box_spec = replace(
            spec,
            label="tokenize",
            argv=(
                "python3",
                "/harness/tokenize_documents.py",
                f"/tokenizer/{model.name}",
                "/documents/documents.jsonl",
                "/out",
            ),
            inputs=(
                *spec.inputs,
                Mount(source=model.parent, target="/tokenizer"),
                Mount(source=documents, target="/documents"),
            ),
            output=Mount(source=output, target="/out"),
            working_folder="/",
            limits=replace(spec.limits, output_bytes=size, output_files=16),
        )
        with sandbox.start(box_spec) as box:
            opened(box.facts)
            end = box.wait()
        if end is None:
            raise BrokenInvariant("a box without a timeout returned before it ended")
        if end.ended_by is not EndedBy.ITSELF or end.exit_code != 0:
            how = f"its box ended by {end.ended_by.value}, exit code {end.exit_code}"
            last = end.log.strip()[-500:]
            raise BadSubmission(
                f"the tokenizer could not be used: {how}{': ' if last else ''}{last}",
                file=model.name,
                remedy="it must be a SentencePiece model that encodes plain text",
            )
        return read_answer(held_out, model.name, digest, output)


def _encoded_bytes(held_out: HeldOut) -> int:
    """What the ids of all documents may take."""
    return sum(map(len, held_out.documents)) * OUTPUT_BYTES_PER_BYTE


def _left(output: Path, file: str, at_most: int, name: str) -> bytes:
    """One file of the answer. A hole costs a box nothing: its size is looked at before it is read.

    Raises BadSubmission.
    """
    path = output / file
    if path.is_symlink() or not path.is_file():
        raise BadSubmission(f"its box left no {file}", file=name)
    size = path.stat().st_size
    if size > at_most:
        raise BadSubmission(f"its box left {size:,} bytes in {file}, not {at_most:,}", file=name)
    return path.read_bytes()


def read_answer(held_out: HeldOut, name: str, digest: str, output: Path) -> Tokens:
    """What the box left, checked for shape here and for truth by the held-out room.

    Raises BadSubmission naming what is missing or does not fit.
    """
    answer = {
        "counts.bin": _left(output, "counts.bin", 8 * len(held_out.documents), name),
        "ids.bin": _left(output, "ids.bin", _encoded_bytes(held_out), name),
        "pieces.json": _left(output, "pieces.json", TABLE_BYTES, name),
    }
    if answer["pieces.json"].count(b",") > PIECES_AT_MOST:
        raise BadSubmission(f"its box left a table of over {PIECES_AT_MOST:,} pieces", file=name)
    try:
        counts = np.frombuffer(answer["counts.bin"], "<i8")
        ids = np.frombuffer(answer["ids.bin"], "<i4")
        table: Mapping[str, Any] = json.loads(answer["pieces.json"])
        pieces = [base64.b64decode(piece, validate=True) for piece in table["pieces"]]
        bos = int(table["bos"])
    except _UNREADABLE as error:
        raise BadSubmission(f"its box left an unreadable table: {error}", file=name) from error
    each = (counts >= 0) & (counts <= len(ids))
    fits = len(counts) == len(held_out.documents) and bool(each.all())
    if not fits or int(counts.sum()) != len(ids) or not pieces:
        raise BadSubmission("its box's ids do not fit the documents", file=name)
    rows = np.split(ids, np.cumsum(counts)[:-1])
    end = bos if 0 <= bos < len(pieces) else None
    return held_out.tokens_from_box(rows, pieces, digest=digest, end=end)
