"""What does the forge say of a repository's pull requests? Asked for once, kept, never needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from verifier.errors import RequestError
from verifier.submission.forge import Forge, ForgeFacts
from verifier.watch import Watch


def facts(name: str, store: Path, watch: Watch) -> Mapping[int, ForgeFacts]:
    """State, title, author and dates by number; empty for no name, less where the API is silent.

    `name` is "owner/repo". Raises RequestError for a name that is none.
    """
    if not name:
        return {}
    try:
        forge = Forge.with_token(name, store)
    except ValueError as wrong:
        raise RequestError(str(wrong), remedy="name it like owner/repo") from wrong
    with watch.phase("what the forge says", None):
        found = forge.all()
    if forge.unreachable:
        watch.note(f"{forge.unreachable}: {len(found)} pull requests have a state and a title")
    return found
