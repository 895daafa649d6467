"""Submissions and policies to test with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from verifier.policy import Policy

MANIFEST = """\
contract: scorer/1
train: [python3, train.py, "{seed}"]
scorer: model:Model
tokenizer: data
adaptation: none
rows: 16
chunk: 32
"""
CLAIMS = {"author": "Ada", "github_id": "ada", "name": "Baseline", "val_bpb": 1.8}
POLICIES = Path(__file__).parents[2] / "policies"


def submission_folder(folder: Path, *, manifest: str = MANIFEST, **files: bytes) -> Path:
    """A small honest submission; `files` are more files by name (dots written as `__`)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "verify.yaml").write_text(manifest)
    (folder / "submission.json").write_text(json.dumps(CLAIMS))
    (folder / "README.md").write_text("# Baseline\n")
    (folder / "train.py").write_text("# trains\nprint('trained')\n")
    (folder / "model.py").write_text("class Model:\n    pass\n")
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_bytes(content)
    return folder


def policy(**groups: dict[str, Any]) -> Policy:
    """The embedded default with some keys changed: `policy(train={"limit_seconds": 1.0})`."""
    values = yaml.safe_load((POLICIES / "local_cpu.yaml").read_text())
    for group, changed in groups.items():
        values[group].update(changed)
    return Policy.model_validate(values)
