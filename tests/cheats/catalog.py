"""Which cheats are there, and what must the verifier say of each?

A cheat is a folder: the files in which it differs from `honest/`. Its row names the audit that must
catch it, with the answer that PROTOCOL §4.5's table and §8 give; nothing else may be broken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import sentencepiece

from verifier.heldout import HeldOut
from verifier.records import Answer, Outcome

HERE = Path(__file__).parent
HONEST = "honest"

Touch = Callable[[Path, HeldOut], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheat:
    """One row. `audit` is None where the verdict must be VERIFIED.

    `policy` maps lines of the cheats' policy to what replaces them; `touch` finishes the folder
    with what only a run can know; `scorers` is how many boxes may run at a time. `rarely` says what
    every run of the tests has in its place, if it is played in `make slow` and `make cheats` alone.
    """

    name: str
    answer: Answer
    audit: str | None = None
    outcome: Outcome = Outcome.KEPT
    policy: Mapping[str, str] = field(default_factory=dict)
    touch: Touch | None = None
    scorers: int = 2
    rarely: str = ""

    @property
    def folder(self) -> Path:
        """Where its own files lie."""
        return HERE / self.name


def refuted(name: str, audit: str, **more: object) -> Cheat:
    """Caught, and proven."""
    return Cheat(name=name, answer=Answer.REFUTED, audit=audit, outcome=Outcome.BROKEN, **more)  # type: ignore[arg-type]


def open_question(name: str, audit: str, **more: object) -> Cheat:
    """An honest mistake until shown otherwise: INCONCLUSIVE, with advice."""
    return Cheat(
        name=name, answer=Answer.INCONCLUSIVE, audit=audit, outcome=Outcome.UNPROVEN, **more
    )  # type: ignore[arg-type]


def verified(name: str, **more: object) -> Cheat:
    """Found nothing, scored honestly."""
    return Cheat(name=name, answer=Answer.VERIFIED, **more)  # type: ignore[arg-type]


# ---------------------------------------------------------------- what only a run can know


def carry_held_out_text(folder: Path, held_out: HeldOut) -> None:
    """A paid prefix: a held-out document inside the source."""
    text = held_out.documents[0].decode()
    (folder / "prefix.py").write_text(f"PREFIX = {text!r}\n", encoding="utf-8")


def carry_lossy_tokenizer(folder: Path, held_out: HeldOut) -> None:
    """An own tokenizer whose pieces lose what they normalise: capitals and runs of spaces."""
    training = [text.decode().lower() for text in held_out.training_documents()][:200]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(line for text in training for line in text.splitlines() if line),
        model_prefix=str(folder / "own"),
        vocab_size=257,
        model_type="bpe",
        normalization_rule_name="nmt_nfkc_cf",
        character_coverage=0.98,
        minloglevel=2,
    )
    claims = folder / "submission.json"
    claims.write_text(claims.read_text(encoding="utf-8").replace("4.2", "9.0"), encoding="utf-8")
    manifest = folder / "verify.yaml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("tokenizer: bytes", "tokenizer: own.model"), encoding="utf-8")


# ---------------------------------------------------------------- the rows

# With the line behind it: training and scoring have the same limit, and each cheat one of them.
SHORT_TRAINING = {
    "limit_seconds: 300\n  init_seconds": "limit_seconds: 8\n  init_seconds",
}
SHORT_ANSWERS = {"answer_seconds: 60": "answer_seconds: 2"}
SHORT_SCORING = {
    "limit_seconds: 300\n  answer_seconds": "limit_seconds: 3\n  answer_seconds",
}
# More batches leave unproven what is unproven, and take as long again.
ONE_BATCH = {"chain_documents: 8": "chain_documents: 1"}

# What every run of the tests has in the place of a row that is played rarely.
AS_PEEKS = "peeks; later answers that tell and those that do not, in tests/audits/test_chain.py"
AS_NO_DISTRIBUTION = "no_distribution; sums that are off, in tests/audits/test_chain.py"
AS_NEVER_RESETS = "never_resets; batches and rows that leak, in tests/audits/test_chain.py"
AS_SAYS_NAN = "says_nan; every answer that is refused, in tests/scoring/test_box.py"
AS_FALLS_SILENT = "falls_silent; answers that are late, in tests/scoring/test_box.py"
AS_OVER_THE_CAP = "over_the_cap; names, attributes and links, in tests/submission"
AS_NOTES = "notes_in_the_page_cache; this wall of every backend, in tests/sandbox"
AS_SEEKS = "seeks_on_disk; this wall of every backend, in tests/sandbox/test_walls.py"
AS_ATTEMPTS = "the same row on bubblewrap, in tests/pipeline/test_attempts.py"

CHEATS: tuple[Cheat, ...] = (
    verified(HONEST),
    # looks ahead
    refuted("peeks", "lookahead"),
    refuted("honest_once_asked", "lookahead", rarely=AS_PEEKS),
    refuted("honest_in_later_boxes", "lookahead", rarely=AS_PEEKS),
    # is no distribution
    refuted("trains_on_chunk", "normalization", rarely=AS_NO_DISTRIBUTION),
    refuted("no_distribution", "normalization"),
    refuted("differs_rarely", "normalization", rarely=AS_NO_DISTRIBUTION),
    # remembers
    refuted("never_resets", "reset"),
    refuted("shares_rows", "reset", rarely=AS_NEVER_RESETS),
    # It must see more than twenty documents in one box.
    refuted("counts_documents", "reset", scorers=1, rarely=AS_NEVER_RESETS),
    # breaks the wire
    refuted("says_nan", "protocol"),
    refuted("says_negative", "protocol", rarely=AS_SAYS_NAN),
    refuted("says_too_little", "protocol", rarely=AS_SAYS_NAN),
    refuted("speaks_unasked", "protocol", rarely=AS_SAYS_NAN),
    refuted("answers_late", "protocol", policy=SHORT_ANSWERS, rarely=AS_FALLS_SILENT),
    refuted("falls_silent", "protocol", policy=SHORT_ANSWERS),
    # weighs or takes too much, claims too much, brings the answers
    refuted("over_the_cap", "artifact-size"),
    refuted("hides_in_names", "artifact-size", rarely=AS_OVER_THE_CAP),
    refuted("hides_in_attributes", "artifact-size", rarely=AS_OVER_THE_CAP),
    open_question("hides_in_links", "artifact-size", rarely=AS_OVER_THE_CAP),
    refuted("trains_too_long", "train-budget", policy=SHORT_TRAINING),
    refuted("too_slow", "score-budget", policy=SHORT_SCORING),
    refuted("claims_more", "claim"),
    refuted("brings_the_text", "secrecy", touch=carry_held_out_text),
    open_question("loses_bytes", "bytes", touch=carry_lossy_tokenizer),
    # honest mistakes
    open_question("remembers_scores", "purity"),
    open_question("leaves_dropout_on", "determinism", policy=ONE_BATCH),
    open_question("quantises_across_rows", "reset", policy=ONE_BATCH, rarely=AS_NEVER_RESETS),
    open_question("predicts_with_less", "lookahead", rarely=AS_PEEKS),
    # notes for the replay
    refuted("notes_in_files", "normalization", rarely=AS_NOTES),
    refuted("notes_in_shared_memory", "normalization", rarely=AS_NOTES),
    refuted("notes_in_keyring", "normalization", rarely=AS_NOTES),
    refuted("notes_with_a_daemon", "normalization", rarely=AS_NOTES),
    refuted("notes_on_an_abstract_socket", "normalization", rarely=AS_NOTES),
    refuted("notes_in_the_page_cache", "normalization"),
    refuted("notes_in_missing_names", "normalization", rarely=AS_NOTES),
    # looks for the held-out text
    verified("seeks_on_disk"),
    verified("seeks_in_the_environment", rarely=AS_SEEKS),
    verified("seeks_in_memory", rarely=AS_SEEKS),
    verified("seeks_in_the_page_cache", rarely=AS_SEEKS),
    verified("seeks_over_the_network", rarely=AS_ATTEMPTS),
)


def rows() -> dict[str, Cheat]:
    """Every row by name."""
    return {cheat.name: cheat for cheat in CHEATS}
