"""Which score does a line print, of what, and which one of a log is its final score?

The final score is the last RESULT of the log. Where the same number is printed several times with
more or fewer digits (`final_x`, `final_x_exact`, a launcher's echo), the first with the most
digits that also states a loss is taken. Nothing is chosen for being lower.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from verifier.source.logs.record import Meaning, Quote, Score

_BPB = re.compile(
    r"(?<![\w-])(running_|(?:[a-z]{1,12}_){0,2}|)(?:bpb|BPB)(?: \([^)\n]{0,30}\))?"
    r"[\"'*`]{0,3}\s{0,3}[:=]\s{0,20}([0-9]{1,2}\.[0-9]{1,17})(?![\w.])"
)
_LOSS = re.compile(r"(?<![A-Za-z-])(?:val_|mix_)?(?:loss|vl)[:=]\s{0,4}([0-9]{1,3}\.[0-9]{1,17})")
_EXACT = re.compile(r"\bexact[:=]([0-9]{1,2}\.[0-9]{4,17})")
_MILLISECONDS = re.compile(r"\b(?:eval_time|eval|time|t)[:=]\s?([0-9]{1,12})(?:\.[0-9]{1,6})?ms\b")
_SECONDS = re.compile(r"\b(?:eval_time|elapsed|time|t)[:=]\s?([0-9]{1,9}(?:\.[0-9]{1,6})?)s\b")

_STEP = re.compile(
    r"\W{0,4}(?:(?:step|s|iter|iteration)\W{0,3}[0-9]{1,9}\b|[0-9]{1,9}\s?/\s?[0-9]{1,9}\s)",
    re.IGNORECASE,
)
_PROGRESS = re.compile(
    r"\[\s{0,3}[0-9.]{1,9}\s?[/%]|epoch|chunk|batch[ :]|progress|windows|running|>>>|docs=|tc\[",
    re.IGNORECASE,
)
_DIAGNOSTIC = re.compile(
    r"diag|debug|pre[-_ ]?quant|pre[-_ ]?ema|post[-_ ]?ema|post[-_ ]?(?:swa|average|train)|"
    r"\bema bpb|candidate|best_averaging|selected|raw_|float|fp32|baseline|proxy|"
    r"pass\W{0,2}1|only|gap|gain|delta|improve|probe|before|without|save",
    re.IGNORECASE,
)
_SETS_ASIDE = frozenset({"ppm_only", "nn_only", "delta_", "float_", "train_", "llm_", "probe_"})


def read_score(text: str, line: int) -> Score | None:
    """The score that a line prints, None where it prints none."""
    found = _BPB.search(text)
    while found is not None and found.group(1) in _SETS_ASIDE:
        found = _BPB.search(text, found.end())
    if found is None:
        return None
    loss = _LOSS.search(text)
    begin = min(found.start(), loss.start()) if loss else found.start()
    exact = _EXACT.search(text, found.end())
    printed = exact.group(1) if exact else found.group(2)
    label = _label(text[:begin], found.group(1), text[begin : found.start()])
    return Score(
        label=label,
        meaning=_meaning(text[:begin], label, found.group(1)),
        bpb=float(printed),
        digits=len(printed.split(".")[1]),
        loss=float(loss.group(1)) if loss else None,
        seconds=_duration(text[begin:]),
        quote=Quote(line=line, text=text[:200]),
    )


def _label(before: str, prefix: str, between: str) -> str:
    """The words before the first number, without what they are parameters of."""
    words = [
        word.rstrip(":")
        for word in before[-160:].split()
        if not re.fullmatch(r"[\w.]{1,40}[:=][^:=]{1,40}", word) or word.endswith(":done")
    ]
    if not words and prefix not in ("", "val_"):
        words = [prefix.rstrip("_")]
    if "sliding" in between and words and "sliding" not in words[-1]:
        words.append("sliding")
    return " ".join(words)[-80:].strip("-=> \t\"'*`")


def _meaning(before: str, label: str, prefix: str) -> Meaning:
    if _STEP.match(before):
        return Meaning.STEP
    if prefix == "running_" or _PROGRESS.search(before):
        return Meaning.PROGRESS
    if _DIAGNOSTIC.search(before) or _DIAGNOSTIC.search(label):
        return Meaning.DIAGNOSTIC
    return Meaning.RESULT


def _duration(text: str) -> float | None:
    milliseconds = _MILLISECONDS.search(text)
    if milliseconds is not None:
        return int(milliseconds.group(1)) / 1000
    seconds = _SECONDS.search(text)
    return float(seconds.group(1)) if seconds is not None else None


def final_score(scores: Sequence[Score]) -> Score | None:
    """The score that a submission would claim from this log (see the module's words)."""
    results = [score for score in scores if score.meaning is Meaning.RESULT]
    if not results:
        return None
    last = results[-1]
    same = [score for score in results if agrees(score.bpb, last.bpb, last.digits, score.digits)]
    most = max(score.digits for score in same)
    exact = [score for score in same if score.digits == most]
    return next((score for score in exact if score.loss is not None), exact[0])


def agrees(left: float, right: float, *digits: int) -> bool:
    """Whether two printed numbers can be one: they differ by no more than rounding does."""
    return abs(left - right) <= 0.5001 * 10.0 ** -min(digits) + 1e-12
