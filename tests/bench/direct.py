"""Drives a Scorer in one process, as a pass would, and prints the seconds. Runs inside a box.

Usage: direct.py MODULE:CLASS ARTIFACT BATCHES.npz ROWS CHUNK VOCABULARY
"""

import importlib
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, "/harness")
from harness import SEED, Chunk

target, artifact, batches, rows, chunk, _ = sys.argv[1:]
torch.set_num_threads(1)
torch.set_deterministic_debug_mode("warn")
module, _, name = target.partition(":")
torch.manual_seed(SEED)
scorer = getattr(importlib.import_module(module), name)(Path(artifact), torch.device("cpu"))
data = np.load(batches)
width, height = int(chunk), int(rows)
seconds = 0.0
for number in range(int(data["count"])):
    ids, lengths = data[f"ids{number}"], data[f"lengths{number}"]
    began = time.perf_counter()
    scorer.reset()
    torch.manual_seed(SEED)
    scorer.begin(height)
    for index in range(ids.shape[0]):
        piece = Chunk(torch.from_numpy(ids[index]).long(), torch.from_numpy(lengths[index]).long())
        scorer.score(piece).numpy().tobytes()
        scorer.observe(piece)
    seconds += time.perf_counter() - began
print("SECONDS", seconds)
