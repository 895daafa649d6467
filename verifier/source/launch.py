"""With which command is a submission's script run, and who says so?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from verifier.source.tree import Tree

ENTRY = "train_gpt.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The command. `script` is a path in the tree; `processes` per node, None where not said.

    `told_by` names where it was found ("README.md:31"), "default" where nowhere.
    """

    script: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    processes: int | None = None
    told_by: str = "default"
    command: str = ""


def find_launch(tree: Tree) -> Launch | None:
    """The command of a submission, None where it has no Python script."""
    scripts = [path for path in tree.files if path.endswith(".py")]
    if not scripts:
        return None
    script = min(scripts, key=_likeness)
    return Launch(script=script, command=f"torchrun --standalone --nproc_per_node=8 {script}")


def _likeness(path: str) -> tuple[bool, bool, int, int, str]:
    """Orders scripts by how much they look like the one that is run."""
    name = path.rpartition("/")[2]
    return (
        name != ENTRY,
        not name.startswith("train"),
        path.count("/"),
        len(name),
        path,
    )
