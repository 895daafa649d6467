"""Tokenizer files that crash their reader: which are there, and is each taken by its box alone?

    python -m tests.fuzz.tokenizers [--seconds N] [--seed N] [--keep FOLDER]

Mutates models that sentencepiece made and gives each, as it is and as it would be shipped, to the
very code that boxes run (`images/guest/tokenize_documents.py`), in a fork with limits of its own.
Counts how the forks ended. What ended by a signal, a limit or in silence is kept under --keep.
"""

from __future__ import annotations

import argparse
import collections
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import sentencepiece

from tests.fuzz.models import mutated
from verifier.errors import BadSubmission
from verifier.submission.tokenizer import reserialised

GUEST = Path(__file__).parents[2] / "images" / "guest" / "tokenize_documents.py"
TEXTS = ("the cat sat on the mat ☃ naïve\n\t", "", "▁▁ \0\x7f", "a" * 5000, "日本語 😀" * 50)
SECONDS, MEMORY_BYTES = 10, 1 << 30


def guest() -> ModuleType:
    """The code of the box, as a module."""
    spec = importlib.util.spec_from_file_location("tokenize_documents", GUEST)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ended(module: ModuleType, model: bytes, folder: Path) -> str:
    """How one model ends its reader: "read", "refused", a signal's name or "exit N"."""
    (folder / "m.model").write_bytes(model)
    child = os.fork()
    if child == 0:
        os._exit(_read(module, folder))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    code = os.WEXITSTATUS(status)
    return {0: "read", 1: "refused", 2: "no memory"}.get(code, f"exit {code}")


def _read(module: ModuleType, folder: Path) -> int:
    """In the fork: the box's own procedure, under limits; its exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    sys.argv = ["", *(str(folder / name) for name in ("m.model", "documents.jsonl")), str(folder)]
    try:
        module.main()
    except MemoryError:
        return 2
    except BaseException:  # noqa: BLE001 - whatever it raises is the box's own end
        return 1
    return 0


def fuzz(seconds: float, seed: int, keep: Path) -> collections.Counter[tuple[str, str]]:
    """Mutate and read until the time is over; (shipped or raw, how it ended) and how often."""
    module, chance = guest(), random.Random(seed)
    tally: collections.Counter[tuple[str, str]] = collections.Counter()
    keep.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="gv-models-") as name:
        folder = Path(name)
        lines = (json.dumps({"text": text}) + "\n" for text in TEXTS)
        (folder / "documents.jsonl").write_text("".join(lines), encoding="utf-8")
        while time.monotonic() < until:
            what, model = mutated(chance)
            for kind, content in _both(model):
                end = "not shipped" if content is None else ended(module, content, folder)
                tally[kind, end] += 1
                if content is not None and end not in ("read", "refused"):
                    (keep / f"{end}-{kind}-{what}.model").write_bytes(content)
    return tally


def _both(model: bytes) -> Sequence[tuple[str, bytes | None]]:
    try:
        shipped: bytes | None = reserialised(model, "m.model")
    except BadSubmission:
        shipped = None
    return (("raw", model), ("shipped", shipped))


def main() -> int:
    """Print the tally."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.tokenizers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("out/fuzz/tokenizers"))
    asked = parser.parse_args()
    tally = fuzz(asked.seconds, asked.seed, asked.keep)
    for (kind, end), count in sorted(tally.items()):
        print(f"{kind:<8} {end:<12} {count}")
    print(f"{sum(tally.values())} models, sentencepiece {sentencepiece.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
