"""An honest submission of three seeds, and ways to change one thing about it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from tests.screening.honest import SCORER
from verifier import policy
from verifier.policy import Policy
from verifier.screening import Remark
from verifier.screening.evidence import Evidence, check, read_evidence
from verifier.source import Tree, read_program

FOLDER = "records/track_10min_16mb/2026-04-01_Honest"
BYTES_PER_TOKEN = 151_080_000 / 62_021_632
BPBS = {1: 1.20010203, 2: 1.20040506, 3: 1.20070809}
MODEL_BYTES = {1: 15_800_001, 2: 15_800_010, 3: 15_800_100}
STEPS = {1: 13_001, 2: 13_002, 3: 13_003}

SCRIPT = SCORER.replace("final_int8_zlib_roundtrip_exact", "final_int8_roundtrip_exact")

TOTAL_BYTES = {seed: size + len(SCRIPT) for seed, size in MODEL_BYTES.items()}


def loss_of(bpb: float) -> float:
    """Nats per token for bits per byte."""
    return bpb * math.log(2) * BYTES_PER_TOKEN


def log(seed: int, /, *, script: str = SCRIPT, **lines: str) -> str:
    """The log of one seed; a keyword replaces, or with "" removes, the line of its name."""
    bpb = BPBS[seed]
    device = "|   {}  NVIDIA H100 80GB HBM3          On  |   00000000:04:00.0 Off |"
    text = {
        "source": script,
        "rule": "=" * 100,
        "python": "Running Python 3.12.13 (main) [GCC 11.4.0]",
        "torch": "Running PyTorch 2.10.0+cu128",
        "devices": "\n".join(device.format(number) for number in range(8)),
        "tokenizer": "val_bpb:enabled tokenizer_path=./data/tokenizers/fineweb_1024_bpe.model",
        "shards": "train_loader:dataset:fineweb10B_sp1024 train_shards:80",
        "tokens": "val_loader:shards pattern=./data/fineweb_val_*.bin tokens:62021632",
        "world": "world_size:8 grad_accum_steps:1",
        "seed": f"seed:{seed}",
        "step": f"step:{STEPS[seed]}/20000 val_loss:4.1 val_bpb:2.4284 train_time:599900ms",
        "stop": f"stopping_early: wallclock_cap train_time:600031ms step:{STEPS[seed]}/20000",
        "code": f"Code size: {len(SCRIPT)} bytes",
        "model": f"Serialized model int8+zlib: {MODEL_BYTES[seed]} bytes",
        "total": f"Total submission size int8+zlib: {TOTAL_BYTES[seed]} bytes",
        "final": f"final_int8_roundtrip val_loss:{loss_of(bpb):.4f} val_bpb:{bpb:.4f}"
        " eval_time:72000ms",
        "exact": f"final_int8_roundtrip_exact val_loss:{loss_of(bpb):.8f} val_bpb:{bpb:.8f}",
    }
    assert lines.keys() <= text.keys() | {"more", "between"}
    between, more = lines.pop("between", ""), lines.pop("more", "")
    kept = {**text, **lines}
    body = [line for name, line in kept.items() if line and name not in ("final", "exact")]
    body += [between] if between else []
    body += [kept[name] for name in ("final", "exact") if kept[name]]
    return "\n".join([*body, more, ""] if more else [*body, ""])


def claim(**changed: Any) -> dict[str, Any]:
    """submission.json; a keyword replaces a key, None removes it."""
    honest: dict[str, Any] = {
        "author": "Ada",
        "github_id": "ada",
        "name": "Three honest seeds",
        "date": "2026-04-01",
        "track": "track_10min_16mb",
        "val_bpb": 1.20040506,
        "val_bpb_std": 0.00030303,
        "bytes_total": TOTAL_BYTES[3],
        "bytes_code": len(SCRIPT),
        "seeds": [1, 2, 3],
        "seed_results": {
            str(seed): {
                "val_bpb": bpb,
                "artifact_bytes": TOTAL_BYTES[seed],
                "steps": STEPS[seed],
            }
            for seed, bpb in BPBS.items()
        },
    }
    honest.update(changed)
    return {key: value for key, value in honest.items() if value is not None}


README = f"""# Three honest seeds

**val_bpb: 1.2004** (mean of 3 seeds)

| Seed | Steps | Roundtrip BPB |
|------|-------|---------------|
| 1 | 13,001 | 1.20010 |
| 2 | 13,002 | **1.20041** |
| 3 | 13,003 | {BPBS[3]} |

```bash
SEED=1 torchrun --standalone --nproc_per_node=8 train_gpt.py
```
"""


def files(**changed: str | bytes | None) -> dict[str, bytes]:
    """The honest files; a keyword (its "__" is a dot) replaces one, None removes it."""
    honest: dict[str, str | bytes | None] = {
        "README.md": README,
        "submission.json": json.dumps(claim(), indent=2),
        "train_gpt.py": SCRIPT,
        **{f"train_seed{seed}.log": log(seed) for seed in BPBS},
    }
    for name, content in changed.items():
        honest[name.replace("__", ".")] = content
    return {
        path: content.encode() if isinstance(content, str) else content
        for path, content in honest.items()
        if content is not None
    }


@cache
def rules() -> Policy:
    """The record track as the organizers ruled it."""
    return policy.load("track_10min_16mb_as_ruled").policy


def evidence(contents: Mapping[str, bytes], folder: str = FOLDER) -> Evidence:
    """What a folder of these files puts forward."""
    tree = Tree(files=contents)
    return read_evidence(tree, folder=folder, policy=rules(), program=read_program(tree))


def remarks(contents: Mapping[str, bytes], folder: str = FOLDER) -> list[Remark]:
    """Everything that is said about a folder of these files."""
    return list(check(evidence(contents, folder)))


def refused(contents: Mapping[str, bytes], *reasons: str) -> list[Remark]:
    """Everything that is said where the pull refused something."""
    return list(check(replace(evidence(contents), refused=reasons)))


def unread(contents: Mapping[str, bytes], *paths: str) -> list[Remark]:
    """Everything that is said where some of the files were not read."""
    files = {path: held for path, held in contents.items() if path not in paths}
    tree = Tree(files=files, unread=dict.fromkeys(paths, 9_000_000))
    return list(
        check(read_evidence(tree, folder=FOLDER, policy=rules(), program=read_program(tree)))
    )


def changed_claim(**changed: Any) -> dict[str, bytes]:
    """The honest files with another submission.json."""
    return files(submission__json=json.dumps(claim(**changed), indent=2))


def changed_logs(**lines: str) -> dict[str, bytes]:
    """The honest files with the same lines changed in every log."""
    return files(**{f"train_seed{seed}__log": log(seed, **lines) for seed in BPBS})
