"""Which backends can this machine measure, and on what root each?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox.conftest import SYSTEM_PYTHON
from verifier import image, store
from verifier.errors import MachineFault
from verifier.records import Root
from verifier.sandbox import BACKENDS
from verifier.sandbox.interface import Sandbox


def pinned_root() -> Root:
    """The CPU image, with torch in it."""
    return image.build("cpu", store.root(), locked=False)[0]


def host_root() -> Root:
    """The interpreter at hand, for a backend that cannot change its root."""
    python = SYSTEM_PYTHON if SYSTEM_PYTHON.exists() else Path(sys.executable)
    return Root(digest="host", python=str(python), pinned=False)


def at_hand() -> Iterator[tuple[str, Sandbox, Root]]:
    """Each backend that this machine has, made ready for its root."""
    pinned = pinned_root()
    for name, opened in BACKENDS.items():
        try:
            sandbox = opened()
        except MachineFault:
            continue
        root = host_root() if name == "plain" else pinned
        sandbox.prepare(root)
        yield name, sandbox, root
