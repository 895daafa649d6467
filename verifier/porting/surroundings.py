"""Where does the script look for data, tokenizer and seed, and with which settings is it run?"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

from verifier.porting.record import Remark, Where
from verifier.source import Program, Setting

_TRAINING = re.compile(r"(?:^|[/_.-])train[^/]*\*[^/]*\.bin\Z|fineweb_train[^/]*\.bin\Z")
_PATH = re.compile(r"[./~]|.*/")
_SEEDS = ("SEED", "RANDOM_SEED", "TRAIN_SEED")
EMBEDDED_VOCABULARY = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Variables of the environment. `data` hold the folder of the shards, `shards` their pattern,
    `tokenizers` the model's path; `seed` is "" where no variable sets one; `settings` are those of
    the script's own command."""

    data: tuple[str, ...]
    shards: Mapping[str, str]
    tokenizers: tuple[str, ...]
    seed: str
    settings: Mapping[str, str]


def surroundings(program: Program, remarks: list[Remark]) -> Surroundings:
    """What contest.py sets; what no variable sets is a remark with its line."""
    by_variable = {each.variable: each for each in program.settings.values() if each.variable}
    texts = {name: _text(each) for name, each in by_variable.items()}
    patterns = [
        (each, _text(each))
        for each in program.settings.values()
        if _TRAINING.search(_text(each)) is not None
    ]
    shards = {each.variable: posixpath.basename(text) for each, text in patterns if each.variable}
    folders = {posixpath.dirname(text) for _, text in patterns}
    data = tuple(
        name for name, text in texts.items() if text and text.rstrip("/") in _ends(folders)
    )
    tokenizers = tuple(name for name, text in texts.items() if text.endswith(".model"))
    seed = next((name for name in _SEEDS if name in by_variable), "")
    _say_what_is_missing(program, remarks, patterns, (data, shards, tokenizers, seed))
    placed = {*data, *shards, *tokenizers, seed}
    settings = {
        name: value
        for name, value in program.launch.environment.items()
        if name not in placed and not (_PATH.match(value) and "/" in value)
    }
    return Surroundings(
        data=data, shards=shards, tokenizers=tokenizers, seed=seed, settings=settings
    )


def _text(setting: Setting) -> str:
    value = setting.value
    return value if isinstance(value, str) and len(value) < 4096 else ""


def _ends(folders: set[str]) -> set[str]:
    """A folder as it may be written."""
    return {each.rstrip("/") for each in folders if each}


def _say_what_is_missing(
    program: Program,
    remarks: list[Remark],
    patterns: list[tuple[Setting, str]],
    found: tuple[tuple[str, ...], Mapping[str, str], tuple[str, ...], str],
) -> None:
    data, shards, tokenizers, seed = found
    if not data and not shards:
        setting = next((each for each, _ in patterns), None)
        line = setting.line if setting else 0
        remarks.append(
            Remark(
                where=Where.TRAIN,
                what="no variable says where the shards lie: read fineweb_train_*.bin of $DATA",
                line=line,
                text=program.line(setting.unit, line) if setting else "",
            )
        )
    if not tokenizers and any("SentencePiece" in unit.text for unit in program.units):
        remarks.append(
            Remark(
                where=Where.TRAIN,
                what="no variable says where the tokenizer lies: it is tokenizer.model of $DATA",
            )
        )
    if not seed:
        remarks.append(
            Remark(where=Where.TRAIN, what="no variable sets the seed: read it from sys.argv[1]")
        )
    vocabulary = program.settings.get("vocab_size")
    if vocabulary is not None and vocabulary.value not in (EMBEDDED_VOCABULARY, None):
        remarks.append(
            Remark(
                where=Where.MANIFEST,
                what=f"the script has {vocabulary.value} pieces: name a tokenizer of that size, or "
                "score on data that has one",
                line=vocabulary.line,
                text=program.line(vocabulary.unit, vocabulary.line),
                needed=isinstance(vocabulary.value, int),
            )
        )
