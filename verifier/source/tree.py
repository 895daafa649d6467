"""Which files does a submission consist of, held in memory so that thousands can be screened?

A tree is what was frozen: paths as the submission names them, contents as they were. It knows no
disk and no repository, so nothing in it can be followed out of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files of one submission.

    `files` maps a path relative to the submission's folder ("/" between names) to its bytes.
    `unread` maps the paths whose content was not brought in to their size in bytes: weights, and
    what is larger than a reader needs.
    """

    files: Mapping[str, bytes]
    unread: Mapping[str, int] = field(default_factory=dict)

    _paths: list[tuple[str, ...]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path, in the order of its UTF-8."""
        if not self._paths:
            every = {*self.files, *self.unread}
            self._paths.append(
                tuple(sorted(every, key=lambda path: path.encode(errors="surrogateescape")))
            )
        return self._paths[0]

    def size(self, path: str) -> int:
        """Bytes of the file at `path`. Raises KeyError where there is none."""
        return len(self.files[path]) if path in self.files else self.unread[path]

    def text(self, path: str) -> str | None:
        """The file as text, None where it was not read. What is not UTF-8 becomes U+FFFD."""
        content = self.files.get(path)
        return None if content is None else content.decode("utf-8", "replace")

    def sha256(self, path: str) -> str | None:
        """The digest of one file, None where it was not read."""
        content = self.files.get(path)
        return None if content is None else hashlib.sha256(content).hexdigest()
