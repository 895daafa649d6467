"""Small training scripts, written for these tests, from parts that rules tell apart."""

from __future__ import annotations

from verifier.screening import Confidence, Remark
from verifier.screening.rules.registry import Family
from verifier.source import Tree, read_program

HEAD = """
import glob, io, math, os, time, zlib
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

class Settings:
    train_files = os.path.join("data", "fineweb_train_*.bin")
    val_files = os.path.join("data", "fineweb_val_*.bin")
    max_seconds = float(os.environ.get("MAX_SECONDS", 600.0))
    adapt = bool(int(os.environ.get("ADAPT", "1")))
    epochs = int(os.environ.get("EPOCHS", 3))
    window = 1024

class Net(nn.Module):
    def forward(self, x, y):
        return F.cross_entropy(self.logits(x), y, reduction="none")

def shards(pattern):
    return torch.cat([torch.from_numpy(np.fromfile(f, dtype="<u2")) for f in glob.glob(pattern)])

class Loader:
    def __init__(self, pattern):
        self.files = sorted(glob.glob(pattern))
    def next_batch(self):
        tokens = np.fromfile(self.files[0], dtype="<u2")
        return tokens[:-1], tokens[1:]
"""

SCORE = """
def score(net, tokens, lengths):
    total = torch.zeros(())
    spelt = torch.zeros(())
    with torch.no_grad():
        for start in range(0, tokens.numel() - 1, 1024):
            window = tokens[start : start + 1025]
            x, y = window[:-1], window[1:]
            total += net(x, y).sum()
            spelt += lengths[y].sum()
    return (total / spelt / math.log(2.0)).item()
"""

TRAIN = """
def train(args, net, loader):
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.001)
    began = time.perf_counter()
    step = 0
    while True:
        x, y = loader.next_batch()
        optimiser.zero_grad()
        net(x, y).mean().backward()
        optimiser.step()
        step += 1
        if time.perf_counter() - began >= args.max_seconds:
            break
"""

EXPORT = """
def export(net):
    buffer = io.BytesIO()
    torch.save(net.state_dict(), buffer)
    with open("artifact.bin", "wb") as file:
        file.write(zlib.compress(buffer.getvalue()))

def restored():
    net = Net()
    with open("artifact.bin", "rb") as file:
        net.load_state_dict(torch.load(io.BytesIO(zlib.decompress(file.read()))))
    return net
"""

ADAPT = """
def adapt(args, net, tokens):
    optimiser = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.01)
    for epoch in range(args.epochs):
        for start in range(0, tokens.numel() - 1, 4096):
            chunk = tokens[start : start + 4097]
            optimiser.zero_grad()
            net(chunk[:-1], chunk[1:]).mean().backward()
            optimiser.step()
"""

SCORE_FIRST = """
def score_first(args, net, tokens, lengths):
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
    total = torch.zeros(())
    spelt = torch.zeros(())
    chunks = range(0, tokens.numel() - 1, 32768)
    for number, start in enumerate(chunks):
        chunk = tokens[start : start + 32769]
        with torch.no_grad():
            total += net(chunk[:-1], chunk[1:]).sum()
            spelt += lengths[chunk[1:]].sum()
        if number < len(chunks) - 1:
            for epoch in range(args.epochs):
                optimiser.zero_grad()
                net(chunk[:-1], chunk[1:]).mean().backward()
                optimiser.step()
    return (total / spelt / math.log(2.0)).item()
"""

PARTS = HEAD + SCORE + TRAIN + EXPORT + ADAPT + SCORE_FIRST


def script(main: str, *parts: str) -> str:
    """A script of all the parts whose `main` has these lines."""
    lines = "\n".join(f"    {line}" for line in main.strip("\n").split("\n"))
    begin = "    args, net = Settings(), Net()\n    lengths = torch.ones(1024)\n"
    begin += "    held = shards(args.val_files)\n"
    return f"{PARTS}{''.join(parts)}\ndef main():\n{begin}{lines}\n\nmain()\n"


def remarks(family: Family, text: str, **others: str) -> list[Remark]:
    """What a family says of a script. `others` are files: README__md="…"."""
    files = {"train_gpt.py": text.encode()}
    files |= {name.replace("__", "."): body.encode() for name, body in others.items()}
    tree = Tree(files=files)
    program = read_program(tree)
    assert program is not None
    return list(family.check(program, tree))


def told(found: list[Remark]) -> dict[str, Confidence]:
    """Rule → confidence."""
    return {remark.rule: remark.confidence for remark in found}
