"""The competition's table of bytes, however it is written, is told from tables that count more."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, told
from verifier.screening import Confidence
from verifier.screening.rules import byte_tables

SCRIPT = """
import numpy as np
import sentencepiece as spm
import torch

class Settings:
    tokenizer_path = "./data/tokenizers/fineweb_1024_bpe.model"

def lengths(sp, size):
    long = np.zeros(size, dtype=np.int16)
    opens = np.zeros(size, dtype=bool)
    ends = np.ones(size, dtype=bool)
    for i in range(sp.vocab_size()):
        if sp.is_control(i) or sp.is_unknown(i) or sp.is_unused(i):
            continue
        ends[i] = False
        BYTE
        piece = sp.id_to_piece(i)
        MEASURE
    return torch.tensor(long), torch.tensor(opens), torch.tensor(ends)

def spelt(x, y, tables):
    long, opens, ends = tables
    total = long[y].to(torch.float64)
    ADD
    return total.sum()

def main():
    args = Settings()
    sp = spm.SentencePieceProcessor(model_file=args.tokenizer_path)
    x = torch.zeros(9).long()
    print(spelt(x, x, lengths(sp, 1024)))

main()
"""
BYTE = "if sp.is_byte(i): long[i] = 1; continue"
STRIPPED = """if piece.startswith("▁"):
            opens[i] = True
            piece = piece[1:]
        long[i] = len(piece.encode("utf-8"))"""
ADD = "total += (opens[y] & ~ends[x]).to(torch.float64)"
BAKED = """long[i] = len(piece.encode("utf-8"))
        if piece.startswith("\\u2581"):
            opens[i] = True
            long[i] = len(piece[1:].encode("utf-8")) + 1"""
SPACED = """opens[i] = piece.startswith("▁")
        piece = piece.replace("▁", " ")
        long[i] = len(piece.encode("utf-8"))"""


def text(measure: str = STRIPPED, add: str = ADD, byte: str = BYTE) -> str:
    return SCRIPT.replace("MEASURE", measure).replace("ADD", add).replace("BYTE", byte)


def said(measure: str = STRIPPED, add: str = ADD, byte: str = BYTE) -> dict[str, Confidence]:
    return told(remarks(byte_tables, text(measure, add, byte)))


def test_the_competitions_own_table_is_left_alone() -> None:
    """Near miss: the marker off, one more where it is used, one per byte-fallback."""
    assert said() == {}
    assert said(byte='if piece.startswith("<0x"): long[i] = 1; continue') == {}


@pytest.mark.parametrize("measure", [BAKED, SPACED])
@pytest.mark.parametrize(
    "add",
    [
        ADD,
        "total = total + torch.logical_and(opens[y], ~ends[x])",
        "total += sum(1 for a, b in zip(x, y) if opens[b] and not ends[a])",
    ],
)
def test_a_space_in_the_table_and_again_in_the_sum_is_a_violation(measure: str, add: str) -> None:
    """Red: the leading space is counted twice."""
    assert said(measure, add) == {"bytes-space-twice": Confidence.VIOLATION}


@pytest.mark.parametrize("measure", [BAKED, SPACED])
def test_a_space_in_the_table_alone_is_left_alone(measure: str) -> None:
    """Near miss: nothing is added where the table is used."""
    assert said(measure, "total = total + 0") == {}


@pytest.mark.parametrize("measure", [STRIPPED, SPACED])
def test_byte_fallback_measured_by_its_name_asks_for_a_person(measure: str) -> None:
    """Red: "<0x41>" is six characters long."""
    assert said(measure, "pass", "pass") == {"bytes-fallback-spelled": Confidence.REVIEW}


def test_a_table_that_nothing_makes_or_that_flags_no_space_is_left_alone() -> None:
    """Near miss: the function is never called; no table says which pieces begin with a space."""
    unused = text(BAKED).replace("lengths(sp, 1024)", "(x, x, x)")
    assert told(remarks(byte_tables, unused)) == {}
    flagless = BAKED.replace("opens[i] = True", "pass")
    assert said(flagless) == {}
    assert said(BAKED.replace(") + 1", ") + 2")) == {}


def test_pieces_encoded_beforehand_are_measured_too() -> None:
    """Red: the bytes have a name; near miss: a length of what was never encoded."""
    beforehand = """raw = piece.replace("▁", " ").encode()
        opens[i] = True
        long[i] = len(raw)"""
    assert said(beforehand) == {"bytes-space-twice": Confidence.VIOLATION}
    assert said(beforehand.replace("len(raw)", "len(sp)")) == {}


def test_a_marker_that_is_measured_asks_for_a_person() -> None:
    """Red: three bytes for each leading space; near miss: a length of something else."""
    kept = 'long[i] = len(piece.encode("utf-8"))'
    assert said(kept, "pass") == {"bytes-marker-kept": Confidence.REVIEW}
    assert said("long[i] = len(seen)", "pass") == {}
