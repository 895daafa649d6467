"""Which two names would one file system take for one? Each machine would then run other code."""

from __future__ import annotations

import unicodedata

from verifier.submission.walk import shown


class Names:
    """The paths of one submission, as they come."""

    def __init__(self) -> None:
        """None yet."""
        self._seen: dict[str, str] = {}

    def clash(self, path: str) -> str:
        """Why `path` cannot stand beside those before it, "" if it can."""
        key = unicodedata.normalize("NFC", path.casefold())
        earlier = self._seen.setdefault(key, path)
        if earlier == path:
            return ""
        return f"differs from {shown(earlier)} only in case or composition"
