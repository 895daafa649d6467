"""Which numbers does one line of a log state, other than scores? The patterns, one table.

Every pattern is anchored or bounded in what it skips, so that no line costs more than its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from verifier.source.logs.record import Phase

_COUNT = r"([0-9][0-9,]{0,18})"
_SECONDS = r"([0-9]{1,7}(?:\.[0-9]{1,6})?)\s?s\b"


@dataclass(frozen=True, slots=True)
class _Number:
    """A name and the pattern of its lines; `label` is the group that says of what, if any."""

    name: str
    pattern: re.Pattern[str]


def _n(name: str, pattern: str) -> _Number:
    return _Number(name, re.compile(pattern))


NUMBERS: tuple[_Number, ...] = (
    _n("seed", r"\s{0,8}[Ss][Ee][Ee][Dd]\s{0,3}[:=]\s{0,3}(?P<n>[0-9]{1,18})\b"),
    _n("seed", r"[^\n]{1,200}?[ ,|]seed[:=](?P<n>[0-9]{1,18})\b"),
    _n("world_size", r"[^\n]{0,120}?\bworld_size\s?[:=]\s?(?P<n>[0-9]{1,5})\b"),
    _n("train_shards", r"[^\n]{0,160}?\btrain_shards\s?[:=]\s?(?P<n>[0-9]{1,7})\b"),
    _n("val_tokens", r"val_loader:[^\n]{0,300}?\btokens:(?P<n>[0-9]{1,15})\b"),
    _n("val_tokens", r"\s{0,8}val_tokens\s?[:=]\s?(?P<n>[0-9]{1,15})\b"),
    _n("val_tokens", r"[Vv]al(?:idation)? tokens:\s?(?P<n>[0-9][0-9,]{0,18})"),
    _n("vocab_size", r"\s{0,8}vocab_size\s?[:=]\s?(?P<n>[0-9]{1,9})\b"),
    _n("documents", r"[^\n]{0,40}?\btotal_docs\s?[:=]\s?(?P<n>[0-9]{1,9})\b"),
    _n("limited_batches", r"\s{0,8}eval: (?P<n>[0-9]{1,9}) batches \(limited\)"),
    _n("code_bytes_packed", r"Code size \(compressed\):\s?(?P<n>[0-9][0-9,]{0,18}) bytes"),
    _n("code_bytes", r"Code size(?: \(uncompressed\))?:\s?(?P<n>[0-9][0-9,]{0,18}) bytes"),
    _n("code_bytes", r"artifact:[^\n]{0,160}?\bcode:(?P<n>[0-9]{1,12})\b"),
    _n("code_bytes", r"[^\n]{0,80}?\| Code: (?P<n>[0-9]{1,12}) bytes"),
    _n("code_bytes", r"\s{0,4}code_bytes\s?[:=]\s{0,20}(?P<n>[0-9]{1,12})\b"),
    _n("raw_model_bytes", r"Serialized model: (?P<n>[0-9]{1,15}) bytes"),
    _n("model_bytes", r"Serialized model (?P<of>[^:\n]{1,60}): (?P<n>[0-9]{1,15}) bytes"),
    _n("model_bytes", r"(?P<of>[\w+.-]{1,40}) model: (?P<n>[0-9]{1,15}) bytes"),
    _n("raw_total_bytes", r"Total submission size: (?P<n>[0-9]{1,15}) bytes"),
    _n("total_bytes", r"Total submission size (?P<of>[^:\n]{1,60}): (?P<n>[0-9]{1,15}) bytes"),
    _n("total_bytes", r"[^\n]{0,120}?\| Total submission: (?P<n>[0-9]{1,15}) bytes"),
    _n("total_bytes", r"budget:(?P<n>[0-9]{1,15})/[0-9]{1,15}"),
    _n("total_bytes", r"\s{0,4}(?:artifact_bytes|bytes_total)\s?[:=]\s{0,20}(?P<n>[0-9]{1,12})\b"),
    _n("reserve_seconds", r"gptq:reserving (?P<n>[0-9]{1,6}(?:\.[0-9]{1,6})?)\s?s\b"),
    _n("token_gate", r"[^\n]{0,120}?\btoken_gate=(?P<n>[0-9]{1,12})\b"),
    _n("within_gate", r"[^\n]{0,160}?\bwithin_gate=(?P<n>[0-9]{1,12})\b"),
    _n("word_gate", r"[^\n]{0,200}?\bword_gate=(?P<n>[0-9]{1,12})\b"),
)

TEXTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("python", r"Running Python ([0-9.]{1,20})"),
        ("torch", r"Running PyTorch (\S{1,60})"),
        ("cuda", r"\|[^\n]{0,100}?CUDA Version: ([0-9.]{1,12})"),
        ("dataset", r"train_loader:dataset:(\S{1,200})"),
        ("dataset", r"\s{0,8}datasets_dir:\s?(\S{1,300})"),
        ("tokenizer", r"[^\n]{0,4000}?\btokenizer_path[=:]\s?(\S{1,300})"),
        ("validation", r"val_loader:shards pattern=(\S{1,300})"),
        ("validation", r"\s{0,8}val_files:\s?(\S{1,300})"),
        ("calibration", r"(?i:gptq):collecting hessians from ([\w -]{1,60})"),
        ("calibration", r"(?i:gptq):collecting Hessians from ([\w -]{1,60})"),
    )
)

WORKS: tuple[tuple[Phase, re.Pattern[str]], ...] = tuple(
    (phase, re.compile(pattern))
    for phase, pattern in (
        (Phase.HESSIANS, rf"(?i:gptq):(?:collected|calibrated)[^\n]{{0,80}}? in {_SECONDS}"),
        (Phase.GENERATION, rf"(?i:gptq):generated[^\n]{{0,80}}? in {_SECONDS}"),
        (Phase.QUANTISATION, rf"(?i:gptq):(?:quantized|done)[^\n]{{0,80}}? in {_SECONDS}"),
        (Phase.COMPRESSION, rf"GPTQ:compressed[^\n]{{0,80}}? in {_SECONDS}"),
        (Phase.COMPRESSION, rf"Serialize:[^\n]{{0,80}}? done in {_SECONDS}"),
        (Phase.COMPRESSION, rf"serialize_wallclock: {_SECONDS}"),
        (Phase.DECOMPRESSION, rf"Deserialize:[^\n]{{0,80}}? done in {_SECONDS}"),
        (Phase.WARMUP, rf"[\w ]{{1,40}}:compile warmup done \({_SECONDS}\)"),
        (
            Phase.PRECOMPUTATION,
            rf"ngram_tilt:precompute\w{{0,12}}[^\n]{{0,120}}? elapsed={_SECONDS}",
        ),
        (Phase.ADAPTATION, rf"pre_?quant_ttt:done in {_SECONDS}"),
        (Phase.SCORING, rf"total_eval_time(?:_with_compile)?:\s?{_SECONDS}"),
    )
)

STOP = re.compile(
    r"(?:stopping_early|early_stop\w{0,10}):[^\n]{0,60}?train_time:\s?([0-9]{1,12})\s?ms"
    r"[^\n]{0,40}?step:\s?([0-9]{1,9})(?:/([0-9]{1,9}))?"
)
STEP = re.compile(
    r"\W{0,4}(?:step\W{0,3}|s:)?([0-9]{1,9})\s?/\s?([0-9]{1,9})\s[^\n]{0,200}?"
    r"(?:(?:train_time|tt|t):\s?([0-9]{1,12})ms)?"
)
STEP_TIME = re.compile(r"\b(?:train_time|tt|t):\s?([0-9]{1,12})(?:\.[0-9]{1,3})?\s?ms\b")
DEVICE = re.compile(r"\|\s{1,4}([0-9]{1,3})\s{1,4}((?:NVIDIA|Tesla|GeForce|AMD)[^|]{2,40}?)\s{2,}")
RESUMED = re.compile(r"[Rr]esum(?:ing|ed)\b[^\n]{0,40}\b(?:checkpoint|from|step)\b")
EVAL_ONLY = re.compile(r"[A-Z_]{0,20}EVAL_ONLY=1\b|\s{0,8}\w{0,20}eval_only: True")


def numbers_of(text: str) -> Iterator[tuple[str, float, str]]:
    """(name, value, of what) for everything that the line states."""
    for number in NUMBERS:
        found = number.pattern.match(text)
        if found is not None:
            of = found.groupdict().get("of") or ""
            yield number.name, float(found.group("n").replace(",", "")), of
