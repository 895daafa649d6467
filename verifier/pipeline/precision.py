"""In which arithmetic does an example score? Makes copies of it that use another.

On a GPU the same honest scorer may use float32, TF32 or bfloat16, and its two answers are further
apart the coarser it is. Must never change what an example computes but for its arithmetic.
"""

from __future__ import annotations

import shutil
from enum import StrEnum
from pathlib import Path
from typing import assert_never

import yaml

from verifier.errors import BadSubmission

MODULE = "in_another_precision"
MANIFEST = "verify.yaml"
HEAD = '''"""The example's scorer in {name}: made by `verifier calibrate`."""

import torch
from {module} import {scorer} as Own


class Scorer(Own):
'''
TF32 = """    def __init__(self, artifact, device):
        torch.set_float32_matmul_precision("high")
        super().__init__(artifact, device)
"""
BFLOAT16 = """    def __init__(self, artifact, device):
        super().__init__(artifact, device)
        self.kind_of_device = torch.device(device).type

    def score(self, chunk):
        with torch.autocast(self.kind_of_device, torch.bfloat16):
            return super().score(chunk).float()

    def predict(self, prefix):
        with torch.autocast(self.kind_of_device, torch.bfloat16):
            return super().predict(prefix).float()

    def observe(self, chunk):
        with torch.autocast(self.kind_of_device, torch.bfloat16):
            super().observe(chunk)
"""


class Precision(StrEnum):
    """The arithmetic of a scorer's matrix products. An example's own is float32."""

    FLOAT32 = "float32"
    TF32 = "tf32"
    BFLOAT16 = "bfloat16"


def in_precision(example: Path, precision: Precision, above: Path) -> Path:
    """The folder of `example` in that arithmetic: itself, or a copy of it made below `above`.

    Raises BadSubmission when its verify.yaml names no scorer.
    """
    match precision:
        case Precision.FLOAT32:
            return example
        case Precision.TF32:
            body = TF32
        case Precision.BFLOAT16:
            body = BFLOAT16
        case _:
            assert_never(precision)
    manifest = yaml.safe_load((example / MANIFEST).read_text(encoding="utf-8"))
    module, colon, scorer = str(dict(manifest).get("scorer", "")).partition(":")
    if not colon:
        raise BadSubmission("names no scorer", file=example / MANIFEST)
    copy = above / f"{example.name}-{precision.value}"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(example, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / f"{MODULE}.py").write_text(
        HEAD.format(name=precision.value, module=module, scorer=scorer) + body, encoding="utf-8"
    )
    changed = {**manifest, "scorer": f"{MODULE}:Scorer"}
    (copy / MANIFEST).write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
    return copy
