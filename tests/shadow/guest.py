"""The guest's modules that need no torch, as run.py imports them."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "images" / "guest" / "shadow"
_PACKAGE = "shadow_guest"


def module(name: str) -> Any:
    """One module of the guest."""
    if _PACKAGE not in sys.modules:
        package = types.ModuleType(_PACKAGE)
        package.__path__ = [str(FOLDER)]
        sys.modules[_PACKAGE] = package
    return importlib.import_module(f"{_PACKAGE}.{name}")
