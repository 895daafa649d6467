"""The shortest honest script: it reads held-out shards, scores every token and prints the score."""

from __future__ import annotations

SCORER = '''"""Scores a small model."""
import glob
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

VAL_FILES = "data/fineweb_val_*.bin"

def load(pattern):
    return torch.cat([torch.from_numpy(np.fromfile(f, dtype="<u2")) for f in glob.glob(pattern)])

def score(model, val_tokens, lengths):
    total, spelt = torch.zeros(()), torch.zeros(())
    with torch.no_grad():
        for at in range(0, val_tokens.numel() - 1, 1024):
            x, y = val_tokens[at : at + 1024], val_tokens[at + 1 : at + 1025]
            total += F.cross_entropy(model(x), y, reduction="sum")
            spelt += lengths[y].sum()
    val_loss = total / (val_tokens.numel() - 1)
    return val_loss.item(), (total / spelt / math.log(2.0)).item()

def main():
    torch.manual_seed(int(os.environ.get("SEED", "1")))
    model = torch.nn.Embedding(1024, 1024)
    val_loss, val_bpb = score(model, load(VAL_FILES), torch.ones(1024))
    print(f"final_int8_zlib_roundtrip_exact val_loss:{val_loss:.8f} val_bpb:{val_bpb:.8f}")

if __name__ == "__main__":
    main()
'''
