"""Scripts of the shape that real submissions have, written for these tests."""

from __future__ import annotations

import base64
import lzma
import textwrap

from verifier.source import Program, Tree, read_program

TRAINER = """
import os
import torch
from torch import nn


class Hyperparameters:
    data_path = os.environ.get("DATA_PATH", "./data/fineweb")
    val_files = os.path.join(data_path, "fineweb_val_*.bin")
    iterations = int(os.environ.get("ITERATIONS", 20_000))
    lr = float(os.environ.get("LR", 0.02))
    adapt_enabled = bool(int(os.environ.get("ADAPT_ENABLED", "0")))
    slide_enabled = os.environ.get("SLIDE_ENABLED", "1") == "1"


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = nn.Embedding(64, width)

    def forward(self, tokens, targets):
        return self.logits(tokens).mean()

    def logits(self, tokens):
        return self.embed(tokens)


def load_validation_tokens(pattern):
    return torch.zeros(8)


def score(args, model, val_tokens):
    return model(val_tokens[:-1], val_tokens[1:])


def adapt(args, model, val_tokens):
    model(val_tokens[:-1], val_tokens[1:]).backward()


def slide(args, model, val_tokens, quick=False):
    if quick:
        return quick_slide(val_tokens)
    return score(args, model, val_tokens)


def quick_slide(val_tokens):
    return 0.0


def never():
    return adapt(None, None, None)


def main():
    args = Hyperparameters()
    val_tokens = load_validation_tokens(args.val_files)
    model = Net(16)
    compiled = torch.compile(model)
    if args.adapt_enabled:
        adapt(args, compiled, val_tokens)
    if args.slide_enabled:
        slide(args, compiled, val_tokens)
    else:
        score(args, compiled, val_tokens)


if __name__ == "__main__":
    main()
"""


def program(text: str = TRAINER, **siblings: str) -> Program:
    """The program of a submission with `text` as its train_gpt.py."""
    files = {"train_gpt.py": textwrap.dedent(text).encode()}
    files |= {
        name.replace("__", "."): textwrap.dedent(each).encode() for name, each in siblings.items()
    }
    made = read_program(Tree(files=files))
    assert made is not None
    return made


def packed(text: str) -> str:
    """`text` as most packed submissions ship it."""
    raw = lzma.compress(
        text.encode(), format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 6}]
    )
    return (
        "import lzma as L,base64 as B\n"
        f'exec(L.decompress(B.b85decode("{base64.b85encode(raw).decode()}"),'
        'format=L.FORMAT_RAW,filters=[{"id":L.FILTER_LZMA2}]))\n'
    )
