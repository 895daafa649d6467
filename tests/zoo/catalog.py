"""Which honest submissions are there beside the examples, and what must the verifier say of each?

A member is a folder: the files in which it differs from what it stands on, an example or another
member. None of them may ever be REFUTED; one that keeps the contract must be VERIFIED. What keeps
a member from it is named in its row: the audits that stay open, for a reason that is the
submission's own and with advice that mends it, wherever a drawn token shows it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from verifier import installed
from verifier.records import Answer

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One honest submission.

    `parts` are the folders it is laid together from, the later over the earlier. `open` are the
    audits that must be Unproven, none of them where the verdict must be VERIFIED, and `advice`
    words that their advice must hold. `policy` maps lines of the policy to what replaces them.
    """

    name: str
    parts: tuple[Path, ...]
    open: frozenset[str] = frozenset()
    advice: str = ""
    policy: Mapping[str, str] = field(default_factory=dict)

    @property
    def answer(self) -> Answer:
        """What the verdict must be."""
        return Answer.INCONCLUSIVE if self.open else Answer.VERIFIED


def example(name: str) -> Path:
    """The folder of an example that ships with the verifier."""
    return installed.path("examples") / name


def over(name: str, *below: Path, **more: object) -> Member:
    """A member of this folder, laid over what it stands on."""
    return Member(name=name, parts=(*below, HERE / name), **more)  # type: ignore[arg-type]


# One deviating batch says what is to be said of every other, and asks V symbols at 64 positions.
ONE_BATCH = {"chain_documents: 8": "chain_documents: 1"}

ZOO: tuple[Member, ...] = (
    over("bf16_weights", example("baseline")),
    over("own_tokenizer", example("ngram")),
    over("ngram_mixture", example("baseline")),
    over("sliding_window", example("baseline")),
    over("full_sgd", example("baseline")),
    over("seeded_ensemble", example("baseline")),
    # Not everywhere within τ of itself: see its README.
    over(
        "bf16_math",
        example("byte_level"),
        open=frozenset({"lookahead"}),
        advice="float32",
        policy=ONE_BATCH,
    ),
)


def examples() -> tuple[Member, ...]:
    """The submissions that ship with the verifier, each as it is."""
    folders = sorted(path.parent for path in installed.path("examples").glob("*/verify.yaml"))
    return tuple(Member(name=folder.name, parts=(folder,)) for folder in folders)


def composed(member: Member, folder: Path) -> Path:
    """The whole submission in `folder`, made anew: what is below, then its own files over it."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in member.parts:
        shutil.copytree(
            part, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    if len(member.parts) > 1:
        # It tells of another training.
        (folder / "train.log").unlink(missing_ok=True)
    return folder
