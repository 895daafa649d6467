"""Which settings make a script small, and keep what it does?

From the variables that a program reads, their documented values and general rules by name. What is
switched on stays on. Never knows a script, a person or a record by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import assert_never

from verifier.shadow.reads import (
    Constant,
    Counts,
    constants_of,
    emptied,
    printed,
    read_values,
    wants_ranks,
)
from verifier.shadow.sizes import (
    ALWAYS,
    DECAY,
    DECAYS,
    FRACTIONS,
    KERNELS,
    LAYER_LISTS,
    RATE,
    RATES,
    Scale,
    resized,
)
from verifier.source import UNKNOWN, Program

VOCABULARY = 2048
"""Where a script can be told: the larger, the less an untrained model pays beyond the source."""
HELDOUT_TOKENS = 8193
_LAYERS = 4
_WHOLE = re.compile(r"[+-]?\d+(?:\.0*)?")
_DECIMAL = re.compile(r"[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?")
_SCHEDULE = re.compile(r"\d+@[\d.]+(?:,\d+@[\d.]+)*")
"""Sequence lengths and from which part of the training they hold."""
_SCORING = re.compile(r"(?:\w+_)?(?:TTT|SLOT|NGRAM|PHRASE|CACHE|PPM|MIXER|TWO_PASS)(?:_|\Z)")
_SHARDS = re.compile(r"(?:.*/)?(fineweb_(?:train|val)[^/]*\.bin)")
_DATASET = re.compile(r"fineweb10B_\w+(?![\w{])")
_TOKENIZER = re.compile(r"fineweb_\w+\.model")
_LIST = re.compile(r"\d{1,2}(?:,\d{1,2})*")
_DOCUMENTED = {
    "MODEL_DIM": 512, "NUM_LAYERS": 11, "NUM_HEADS": 8, "NUM_KV_HEADS": 4, "ITERATIONS": 20_000,
    "TRAIN_SEQ_LEN": 2048, "EVAL_SEQ_LEN": 2048, "WARMUP_STEPS": 20, "WARMDOWN_ITERS": 3500,
    "TRAIN_BATCH_TOKENS": 786_432, "VAL_BATCH_SIZE": 524_288, "VAL_BATCH_TOKENS": 524_288,
    "VAL_LOSS_EVERY": 4000, "VOCAB_SIZE": 1024,
}  # fmt: skip
"""What the competition's own script has; stands in where a script's value cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one setting or constant was and what it becomes."""

    before: object
    after: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Toy:
    """A script's settings at toy scale. `environment` goes over that of its launch command;
    it holds too what the logs print of settings that no command tells.

    `vocabulary`: pieces of the tokenizer to be made; `heldout_tokens`: of the whole stream;
    `sequence`: tokens of the longest window. `kept`: switches that stay on as documented, by
    variable. `off`: those of adaptation, caches and mixtures that are off as documented; a run says
    nothing of what they turn on. `ranks`: processes, two where something is on only with several.
    `scaled`: every variable, argument and constant that changes. `constants`: sizes of tables, of
    chunks, of calibration and of averages that nothing sets from outside, scaled in the text.
    `unset`: sizes that are constants and stay as they are. `sidecar`: it reads the bytes of tokens
    from shards beside the held-out ones. `datasets` and `tokenizers`: folders and files that the
    texts name, under which the data is expected beside its usual names. `shards`: variables of the
    command that name shards, with the name or pattern alone; the folder in front is the toy's.
    """

    environment: Mapping[str, str]
    arguments: tuple[str, ...]
    vocabulary: int
    sequence: int
    heldout_tokens: int
    kept: tuple[str, ...]
    off: tuple[str, ...]
    ranks: int
    scaled: Mapping[str, Change]
    constants: tuple[tuple[Constant, int | float], ...]
    unset: tuple[str, ...]
    sidecar: bool
    datasets: tuple[str, ...]
    tokenizers: tuple[str, ...]
    shards: Mapping[str, str]
    scale: Scale

    @property
    def names(self) -> tuple[str, ...]:
        """Under which names, below the world's folder, data and tokenizers are looked for."""
        datasets = (f"datasets/{name}" for name in self.datasets)
        return (*datasets, *(f"tokenizers/{name}" for name in self.tokenizers))


def find_toy(program: Program, scale: Scale | None = None) -> Toy:
    """The toy of a program under its launch command; `scale` where the last one did not fit."""
    values = read_values(program)
    scale = _fitted(values, _fixed(program), scale or Scale(heldout_tokens=HELDOUT_TOKENS))
    vocabulary = _vocabulary(program, values)
    environment = dict(chain(printed(program), emptied(program, values), _sized(values, scale)))
    if "VOCAB_SIZE" in values:
        environment["VOCAB_SIZE"] = str(vocabulary)
    arguments = _arguments(program.launch.arguments, scale)
    constants = tuple(
        (each, size)
        for each in constants_of(program)
        if (size := _scaled_constant(each, scale)) != each.value
    )
    scaled = {
        name: Change(before=values[name], after=value)
        for name, value in environment.items()
        if not _same(values[name], value)
    }
    for before, after in zip(program.launch.arguments, arguments, strict=True):
        if before != after:
            scaled[before] = Change(before=before, after=after)
    for constant, size in constants:
        scaled[f"{constant.path}:{constant.line}:{constant.column}"] = Change(
            before=constant.value, after=size
        )
    return Toy(
        environment=environment,
        arguments=arguments,
        vocabulary=vocabulary,
        sequence=scale.sequence,
        heldout_tokens=scale.heldout_tokens,
        kept=tuple(sorted(_switched_on(values))),
        off=tuple(sorted(_switched_off(values))),
        ranks=2 if wants_ranks(program) else 1,
        scaled=scaled,
        constants=constants,
        unset=tuple(
            sorted(
                {*_constants(program, replace(scale, layers=_LAYERS))}
                - {each.name for each, _ in constants}
            )
        ),
        sidecar=any("fineweb_val_bytes" in unit.text for unit in program.units),
        datasets=_mentioned(program, _DATASET),
        tokenizers=_mentioned(program, _TOKENIZER),
        shards={
            name: found[1]
            for name, text in program.launch.environment.items()
            if (found := _SHARDS.fullmatch(text)) is not None
        },
        scale=scale,
    )


def number(value: object) -> int | None:
    """A whole number, however it is written; None for anything else, switches among it."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(float(value))
    return value if isinstance(value, int) else None


def _fixed(program: Program) -> Mapping[str, object]:
    """Settings that are constants, by the name that a variable would have."""
    return {
        name.upper(): setting.value
        for name, setting in program.settings.items()
        if not setting.variable
    }


def _fitted(values: Mapping[str, object], fixed: Mapping[str, object], scale: Scale) -> Scale:
    """The scale made to agree with itself and with what cannot be set."""
    known = {**fixed, **values}
    layers = number(known.get("NUM_LAYERS")) or _DOCUMENTED["NUM_LAYERS"]
    small = min(scale.layers, layers) if "NUM_LAYERS" in values else layers
    heads = number(known.get("NUM_HEADS")) or _DOCUMENTED["NUM_HEADS"]
    kv_heads = number(known.get("NUM_KV_HEADS")) or heads
    chosen = scale.heads if "NUM_HEADS" in values else heads
    groups = max(1, min(chosen, heads // max(1, kv_heads)))
    lengths = [
        length
        for name, value in known.items()
        if re.fullmatch(r"\w*SEQ_?LEN(?:GTH)?", name)
        if (length := number(value)) is not None and length > 0
    ]
    return replace(
        scale,
        layers=small,
        layers_before=layers,
        heads=chosen,
        kv_heads=chosen // groups if chosen % groups == 0 else chosen,
        longest=max(lengths, default=scale.longest),
    )


def _sized(values: Mapping[str, object], scale: Scale) -> Iterator[tuple[str, str]]:
    """The variables that change, with what they become."""
    for name, value in values.items():
        known = number(value)
        if known is None and ALWAYS.fullmatch(name) and value in (UNKNOWN, None):
            known = _DOCUMENTED[name]
            yield name, str(resized(name, known, scale))
        elif KERNELS.fullmatch(name) and value in (True, 1, "1"):
            yield name, "0"
        elif FRACTIONS.fullmatch(name) and _decimal(value) not in (None, 1.0):
            yield name, "1.0"
        elif RATES.fullmatch(name) and (rate := _decimal(value)):
            yield name, f"{rate * RATE:g}"
        elif DECAYS.fullmatch(name) and (_decimal(value) or 0.0) > DECAY:
            yield name, str(DECAY)
        elif isinstance(value, str) and _SCHEDULE.fullmatch(value):
            yield name, re.sub(r"\d+(?=@)", lambda found: str(scale.length(int(found[0]))), value)
        elif isinstance(value, str) and LAYER_LISTS.fullmatch(name) and _LIST.fullmatch(value):
            layers = sorted({scale.layer(int(each)) for each in value.split(",")})
            if (listed := ",".join(map(str, layers))) != value:
                yield name, listed
        elif known is not None and (small := resized(name, known, scale)) != known:
            yield name, str(small)


def _decimal(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        return float(value)
    return float(value) if isinstance(value, int | float) else None


def _same(before: object, after: str) -> bool:
    if isinstance(before, bool):
        return after == str(int(before))
    return str(before) == after


def _vocabulary(program: Program, values: Mapping[str, object]) -> int:
    """`VOCABULARY` pieces where the script can be told so, else its own number."""
    if "VOCAB_SIZE" in values:
        return VOCABULARY
    own = next(
        (program.settings[name].value for name in ("vocab_size", "V") if name in program.settings),
        _DOCUMENTED["VOCAB_SIZE"],
    )
    return number(own) or _DOCUMENTED["VOCAB_SIZE"]


def _arguments(words: Sequence[str], scale: Scale) -> tuple[str, ...]:
    """The command's arguments, sizes among them made small."""
    made = list(words)
    for index, word in enumerate(words):
        if not word.startswith("--"):
            continue
        option, equals, text = word.partition("=")
        name = option.lstrip("-").replace("-", "_").upper()
        at = index if equals else index + 1
        known = number(text if equals else made[at] if at < len(made) else None)
        if known is not None and (small := resized(name, known, scale)) != known:
            made[at] = f"{option}={small}" if equals else str(small)
    return tuple(made)


def _mentioned(program: Program, names: re.Pattern[str]) -> tuple[str, ...]:
    return tuple(sorted({found for unit in program.units for found in names.findall(unit.text)}))


def _switched_on(values: Mapping[str, object]) -> Iterator[str]:
    """Switches that are on, those of kernels aside."""
    for name, value in values.items():
        if KERNELS.fullmatch(name):
            continue
        if value is True or (name.endswith(("_ENABLED", "_ENABLE")) and value in ("1", "true")):
            yield name


def _switched_off(values: Mapping[str, object]) -> Iterator[str]:
    """Switches of adaptation, caches and mixtures that are off."""
    for name, value in values.items():
        off = value is False or (name.endswith(("_ENABLED", "_ENABLE")) and value in ("0", "false"))
        if off and _SCORING.match(name):
            yield name


def _constants(program: Program, scale: Scale) -> Iterator[str]:
    """Settings without a variable that a rule would have made smaller."""
    for name, setting in program.settings.items():
        known = None if setting.variable else number(setting.value)
        if known is not None and resized(name.upper(), known, scale) < known:
            yield name


def _scaled_constant(constant: Constant, scale: Scale) -> int | float:
    match constant.counts:
        case Counts.AVERAGE:
            return DECAY
        case Counts.CALIBRATION | Counts.CHUNK | Counts.MODEL:
            return resized(constant.name.upper(), int(constant.value), scale)
        case Counts.TABLE:
            mask = int(constant.value) & 1
            return scale.buckets(int(constant.value) + mask) - mask
        case _:
            assert_never(constant.counts)
