"""What does a submission call itself, and which of its switches does that name?

Some submissions have neither a command nor logs that say how they were run; their title says what
they are about.
"""

from __future__ import annotations

import re

from verifier.source.tree import Tree

_PLAIN = frozenset(("ENABLED", "ENABLE", "USE", "ON", "DO", "RUN", "MODE", "EVAL", "WITH"))
_LETTERS = re.compile(r"[^a-z0-9]+")
_NAMES = re.compile(r'"(?:name|title|techniques?)"\s{0,9}:\s{0,9}("[^"]{0,400}"|\[[^\]]{0,800}\])')
_SHORTEST = 3
_CHARACTERS = 20_000
_HEADING = 400


def title(tree: Tree) -> str:
    """The first heading of the README and the names in submission.json, letters and digits only."""
    parts = [_beginning(tree, "README.md").lstrip().partition("\n")[0][:_HEADING]]
    parts += _NAMES.findall(_beginning(tree, "submission.json"))
    return _LETTERS.sub("", " ".join(parts).lower())


def names(called: str, variable: str) -> bool:
    """Whether a title `called` so names what an environment variable turns on."""
    words = [word for word in variable.split("_") if word not in _PLAIN]
    long = [word for word in words if len(word) >= _SHORTEST]
    return bool(long) and len(long) == len(words) and all(w.lower() in called for w in words)


def _beginning(tree: Tree, path: str) -> str:
    return tree.files.get(path, b"")[:_CHARACTERS].decode("utf-8", "replace")
