"""Encodes documents with a submission's own tokenizer, inside a box without a network.

A tokenizer file is hostile data: it is parsed here and nowhere else. What comes out (ids, and the
bytes that each id spells) is not believed either: the host compares the spelled bytes of each
document with the document.

Usage: tokenize_documents.py MODEL DOCUMENTS.jsonl OUTPUT_FOLDER
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import numpy as np
import sentencepiece


def spelled(model: sentencepiece.SentencePieceProcessor, token: int) -> bytes:
    """The bytes that one id stands for; control and unknown ids stand for none."""
    if model.IsControl(token) or model.IsUnknown(token) or model.IsUnused(token):
        return b""
    piece = model.IdToPiece(token)
    if model.IsByte(token):
        return bytes([int(piece[3:5], 16)])
    return piece.replace("\N{LOWER ONE EIGHTH BLOCK}", " ").encode()


def main() -> None:
    """Write ids.bin (i32), counts.bin (i64) and pieces.json into the output folder."""
    model_path, documents, output = sys.argv[1:]
    model = sentencepiece.SentencePieceProcessor(model_file=model_path)
    with Path(documents).open(encoding="utf-8") as lines:
        ids = [model.EncodeAsIds(json.loads(line)["text"]) for line in lines]
    folder = Path(output)
    np.array([len(row) for row in ids], "<i8").tofile(folder / "counts.bin")
    np.concatenate([np.array(row, "<i4") for row in ids]).tofile(folder / "ids.bin")
    pieces = [base64.b64encode(spelled(model, i)).decode() for i in range(len(model))]
    table = {"pieces": pieces, "bos": model.bos_id()}
    (folder / "pieces.json").write_text(json.dumps(table), encoding="utf-8")


if __name__ == "__main__":
    main()
