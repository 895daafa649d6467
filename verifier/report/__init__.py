"""How do we say it? One file per format.

Of a verified run: `contents` gathers one `model.Report` out of evidence and verdict, `curves` what
its pictures show; `as_html`, `as_markdown` and `terminal` say it, `overview` says several at once.
Of what was only read: `screening/`. Everything that a submission wrote passes `harmless` first.
Must never decide.

Pictures and statistics take a second to load, and screening needs neither: a name is looked up in
its module when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifier.report.harmless import clipped
    from verifier.report.model import schema
    from verifier.report.terminal import render
    from verifier.report.writing import index, write

__all__ = ["clipped", "index", "render", "schema", "write"]

_PLACES = {
    "clipped": "harmless",
    "index": "writing",
    "render": "terminal",
    "schema": "model",
    "write": "writing",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
