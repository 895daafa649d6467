"""The seekers would find what they look for, if no wall stood in the way.

Control experiments: the same code as an ordinary process beside the verifier's, where torch and the
model it scores with are of no matter and are left out. `seeks_in_memory` has none: without a filter
it would stop every process of the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cheats.catalog import HERE, HONEST
from tests.cheats.running import canary
from verifier import heldout, store

ALONE = """
import sys, types
for name in ("torch", "honest"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["torch"].Tensor = object
sys.modules["honest"].Honest = object
import scorer
print("\\n".join(scorer.Scorer.__new__(scorer.Scorer).seek()))
"""


def found_by(name: str) -> str:
    """What a seeker finds without a box."""
    folders = f"{HERE / name}:{HERE / HONEST}"
    ended = subprocess.run(
        [sys.executable, "-c", ALONE],
        env={**os.environ, "PYTHONPATH": folders, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout


def test_the_canary_stands_in_the_environment() -> None:
    """Control of `seeks_in_the_environment`."""
    with canary() as value:
        # /proc shows the environment that a process was started with.
        holder = subprocess.Popen(["sleep", "60"])
        try:
            assert value in found_by("seeks_in_the_environment")
        finally:
            holder.kill()
            holder.wait()


def test_the_page_cache_can_be_asked() -> None:
    """Control of `seeks_in_the_page_cache`: the calls that boxes are refused work here."""
    assert "mincore" in found_by("seeks_in_the_page_cache")


def test_the_held_out_documents_lie_on_this_disk() -> None:
    """Control of `seeks_on_disk`, which would meet these names."""
    folder: Path = heldout.build(store.root()).tokenizer_path.parents[1]
    source = (HERE / "seeks_on_disk" / "scorer.py").read_text(encoding="utf-8")
    assert (folder / "secret" / "documents.jsonl").is_file()
    assert '"documents.jsonl"' in source
