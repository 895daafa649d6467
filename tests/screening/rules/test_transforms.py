"""Lossy lower-casing asks for a person; a leak across documents is a note."""

from __future__ import annotations

import pytest

from tests.screening.rules.scripts import remarks, told
from verifier.screening import Confidence
from verifier.screening.rules import transforms

SMEAR = """
import torch
from torch import nn

class Smear(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.how = nn.Parameter(torch.zeros(width))

    def forward(self, x, ids):
        g = torch.sigmoid(self.how)
        MASK
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
        return (1 - g) * x + g * before

def main():
    print(Smear(8)(torch.zeros(1, 4, 8), torch.zeros(1, 4)))

main()
"""
PREPARE = "import unicodedata\n\ndef ids(sp, text):\n    return LINE\n"


def smear(mask: str) -> str:
    return SMEAR.replace("MASK", mask)


def test_a_gate_across_the_start_of_a_document_is_a_note() -> None:
    """Red: no mask; near miss: the token that starts a document closes the gate."""
    assert told(remarks(transforms, smear("pass"))) == {"smear-across-documents": Confidence.NOTE}
    masked = "g = g * (ids != BOS_ID).unsqueeze(-1)"
    assert told(remarks(transforms, smear(masked))) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("g = torch.sigmoid(self.how)", "g = self.how"),
        ("torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)", "x[:, :-1]"),
        ("print(Smear(8)(torch.zeros(1, 4, 8), torch.zeros(1, 4)))", "print(8)"),
    ],
)
def test_no_gate_no_shifted_copy_or_no_use_is_left_alone(old: str, new: str) -> None:
    """Near miss: each of the three parts is needed."""
    assert old in SMEAR
    assert told(remarks(transforms, smear("pass").replace(old, new))) == {}


def test_a_shift_without_a_gate_is_left_alone() -> None:
    """Near miss: the targets of a language model are a shift too."""
    plain = "import torch\nx = torch.zeros(2, 9)\ny = torch.cat([x[:, :1], x[:, :-1]])\n"
    assert told(remarks(transforms, plain)) == {}


@pytest.mark.parametrize(
    ("line", "asks"),
    [
        ('sp.encode(unicodedata.normalize("NFKC", text).lower())', True),
        ("sp.EncodeAsIds(text.lower())", True),
        ("sp.encode(text)", False),
        ('sp.encode(unicodedata.normalize("NFKC", text))', False),
        ("NAMES[text.lower()]", False),
    ],
)
def test_text_lower_cased_before_it_is_tokenised_asks_for_a_person(line: str, asks: bool) -> None:
    """Red: in any script of the submission; near miss: another normalisation, another use."""
    found = told(remarks(transforms, "print(1)\n", prepare__py=PREPARE.replace("LINE", line)))
    assert found == ({"tokens-casefolded": Confidence.REVIEW} if asks else {})


def test_only_scripts_lower_case_a_text() -> None:
    """Near miss: the same line in a README; red: casefold instead of lower."""
    line = "sp.encode(text.lower())\n"
    assert told(remarks(transforms, "print(1)\n", README__md=line)) == {}
    folded = {"prepare__py": PREPARE.replace("LINE", "sp.encode(text.casefold())")}
    assert told(remarks(transforms, "print(1)\n", **folded)) == {
        "tokens-casefolded": Confidence.REVIEW
    }


def test_data_that_is_called_case_folded_asks_for_a_person() -> None:
    """Red: a path among the settings; near miss: a lossless transform of case."""
    text = (
        'import os\n\nclass Settings:\n    data_path = "./data/words_casefold"\n\nprint(Settings)\n'
    )
    assert told(remarks(transforms, text)) == {"tokens-casefolded": Confidence.REVIEW}
    assert told(remarks(transforms, text.replace("casefold", "lossless_caps"))) == {}
