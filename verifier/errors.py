"""Every way *we* can fail, and the exit code each failure ends in.

Exceptions say that the verifier, the machine or the caller's request failed. Facts about a
submission are never exceptions: they are `records.Finding`s and `records.ProtocolFault`s.

::

    VerifierError                      70  something of ours failed
    ├── RequestError                   64  what the caller asked for or handed over cannot be used
    │   ├── NothingSubmitted           64  what was named is there and adds no submission
    │   └── BadInput                   64  a file given to us is wrong; names file, place and remedy
    │       ├── BadPolicy              64  a policy file: unknown, missing or impossible key
    │       ├── BadSubmission          64  a submission folder cannot be read as one
    │       ├── BadData                64  shards, tokenizer or documents are corrupt
    │       ├── LedgerDamaged          64  a ledger is not what its hashes say; names the place
    │       │   ├── LedgerUnfinished   64  a ledger that a crash tore, or that was hardly begun
    │       │   └── LedgerForeign      64  a ledger of another format
    │       ├── BundleCut              64  a bundle is not whole, or is none
    │       └── BundleDamaged          64  a bundle is not as a verifier packs one; names the place
    ├── MachineFault                   70  the machine cannot do what is needed
    │   ├── EngineUnavailable          70  no container engine answers
    │   ├── MissingTool                70  a program is absent; names the package that has it
    │   ├── BoxNotAsAsked              70  the engine made another box than the one asked for
    │   ├── BoxLost                    70  a box vanished or its engine died under it
    │   ├── Unanswered                 70  git ends, or says nothing, over the same objects
    │   └── StorageFault               70  disk full or folder not writable
    ├── ImageFault                     70  a root file system cannot be built, or is another one
    └── BrokenInvariant                70  the verifier contradicts itself: a bug
    Interrupted                       130  the user pressed Ctrl-C (not a VerifierError)

The one place that turns these into process exit codes is `verifier.cli.main`.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class VerifierError(Exception):
    """Something of ours failed. `exit_code` is what the command ends with.

    `usual_remedy` is said where whoever raises it knows no better.
    """

    exit_code: ClassVar[int] = 70
    usual_remedy: ClassVar[str] = ""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        """`message` is one sentence; `remedy` says what the reader can do about it."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.usual_remedy

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class RequestError(VerifierError):
    """The caller's request, or something handed over with it, cannot be used."""

    exit_code = 64


class NothingSubmitted(RequestError):
    """What was named is there, and holds or adds no submission."""


class BadInput(RequestError):
    """A file is wrong. The message starts with `file:place:` so that editors can jump to it."""

    def __init__(
        self, message: str, *, file: Path | str, place: str | int = "", remedy: str = ""
    ) -> None:
        """`place` is a line number, byte offset or key within `file`."""
        where = f"{file}:{place}" if place != "" else f"{file}"
        super().__init__(f"{where}: {message}", remedy=remedy)
        self.file = str(file)
        self.place = str(place)


class BadPolicy(BadInput):
    """A policy file has an unknown, missing or impossible key."""


class BadSubmission(BadInput):
    """A submission folder cannot be read as one."""


class BadData(BadInput):
    """Shards, tokenizer or raw documents are corrupt or do not fit together."""


class LedgerDamaged(BadInput):
    """A ledger is not what its hashes say it is."""


class LedgerUnfinished(LedgerDamaged):
    """A ledger that no verdict ends: nobody need have altered it."""


class LedgerForeign(LedgerDamaged):
    """A ledger that another version wrote, in another form."""


class BundleCut(BadInput):
    """A bundle that ends early, or something else than a bundle: nothing can be said of it."""


class BundleDamaged(BadInput):
    """A bundle that is whole and that no verifier packs so. `recheck` makes it a finding."""


class MachineFault(VerifierError):
    """The machine cannot do what is needed."""


class EngineUnavailable(MachineFault):
    """No container engine answers."""

    usual_remedy = "see that Docker runs and has room, then run the same command again"


class MissingTool(MachineFault):
    """A program is absent. `remedy` names the package that has it."""


class BoxNotAsAsked(MachineFault):
    """The engine's own description of the box differs from what was asked for."""


class BoxLost(MachineFault):
    """A box vanished, or its engine died under it: nothing is known about how it ended."""

    usual_remedy = (
        "see what became of the container engine; the same command goes on after the last"
        " finished phase"
    )


class Unanswered(MachineFault):
    """git ends again and again over the same objects, or says nothing."""


class StorageFault(MachineFault):
    """The disk is full, or a folder that must be written cannot be."""

    usual_remedy = "see that there is room and that it may be written, then run the command again"


class ImageFault(VerifierError):
    """A root file system cannot be built, or is not the one that was pinned."""


class BrokenInvariant(VerifierError):
    """The verifier contradicts itself. Always a bug of ours."""


class Interrupted(BaseException):
    """The user pressed Ctrl-C; what was finished is kept and a re-run resumes from it."""

    exit_code: ClassVar[int] = 130
