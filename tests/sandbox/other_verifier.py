"""Another verifier, in a process of its own, that can be killed without a word to its boxes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox.conftest import Boxes
from verifier.sandbox.docker import Docker

VERIFIER = """
import json, sys
from pathlib import Path
from verifier import owner
from verifier.records import BoxSpec, Limits, Mount, Root
from verifier.sandbox import BACKENDS
said = json.loads(sys.argv[1])
root = {name: Path(path) if name in ("tar", "folder") and path else path
        for name, path in said["root"].items()}
spec = BoxSpec(label="killed", root=Root(**root), argv=tuple(said["argv"]), environment={},
               inputs=(), output=Mount(source=Path(said["out"]), target="/out"), channel=None,
               working_folder="/", limits=Limits(**said["limits"]))
backend = BACKENDS[said["backend"]]()
print(owner.mark(), flush=True)
with backend.start(spec) as box:
    box.wait()
"""


@contextlib.contextmanager
def other_verifier(boxes: Boxes, argv: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Another process that starts a box: its mark, said just before, and its number."""
    said = {
        "root": {
            name: str(value) if isinstance(value, Path) else value
            for name, value in dataclasses.asdict(boxes.root).items()
        },
        "argv": argv,
        "out": str(boxes.out),
        "limits": dataclasses.asdict(boxes.spec("").limits),
        "backend": boxes.sandbox.name,
    }
    command = [sys.executable, "-c", VERIFIER, json.dumps(said)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as verifier:
        assert verifier.stdout is not None
        yield verifier.stdout.readline().strip(), verifier.pid
        verifier.kill()


def next_one(boxes: Boxes) -> None:
    """Open the same backend anew, as the next verifier does."""
    backend = type(boxes.sandbox)()
    if isinstance(backend, Docker):
        backend.close()
