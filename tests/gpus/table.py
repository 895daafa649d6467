"""Every scene and every recording, and what is said of it: `make traces`.

python -m tests.gpus.table [FOLDER of what tools/record_witness.py wrote]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.gpus.judging import RECORDINGS, judged, judged_recording, judged_witnessed
from tests.gpus.playing import compiled, play
from tests.gpus.scenes import SCENES

WIDE = 42


def main(argument: str = "") -> int:
    """Print the table; 1 where something is said that was not expected."""
    wrong = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        libraries = {False: compiled(folder / "new"), True: compiled(folder / "old", "-DOLD")}
        for scene in SCENES:
            found = judged(scene, play(scene.stage, libraries[scene.stage.old], folder))
            as_said = found.outcome is scene.outcome and scene.says in found.reason
            wrong += not as_said
            _print(scene.name, found.outcome.value, found.reason, "" if as_said else "UNEXPECTED ")
    for path in RECORDINGS:
        name, answer = judged_recording(path)
        said = ("idle", "nothing ran") if answer is None else (answer.outcome.value, answer.reason)
        _print(f"recorded: {name}", *said, "")
    for path in sorted(Path(argument).glob("*.jsonl.gz") if argument else ()):
        answer = judged_witnessed(path)
        _print(f"witnessed: {path.name[:-9]}", answer.outcome.value, answer.reason, "")
    return 1 if wrong else 0


def _print(name: str, outcome: str, reason: str, mark: str) -> None:
    print(f"{mark}{name:<{WIDE}} {outcome:<9} {reason}", flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
