"""Where are the recipes, policies, examples, templates and pages that ship with the package?

Beside the package in a checkout, under `verifier/_bundled/` in an installed wheel. Must never
look anywhere else: a file found by accident would be judged by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from verifier.errors import StorageFault

Part = Literal["images", "policies", "examples", "templates", "docs"]

_PACKAGE = Path(__file__).resolve().parent


def path(part: Part) -> Path:
    """The folder of one part.

    Raises StorageFault when the installation lacks it.
    """
    for base in (_PACKAGE / "_bundled", _PACKAGE.parent):
        folder = base / part
        if folder.is_dir():
            return folder
    raise StorageFault(
        f"this installation has no folder '{part}'",
        remedy="install golf-verifier again, or run from a checkout",
    )
