"""Which score does a line print, of what, and which one of a log is its final score?

The final score is the first on the last line that prints a RESULT. Where the same number is printed
several times with more or fewer digits (`final_x`, `final_x_exact`, a launcher's echo), the first
with the most digits that also states a loss is taken. Nothing is chosen for being lower.
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
    r"\bema\b|candidate|best_averaging|selected|raw_|float|fp32|baseline|proxy|"
    r"pass\W{0,2}1|only|gap|gain|delta|improve|probe|before|without|save",
    re.IGNORECASE,
)
_BEFORE = 1_000
_SETS_ASIDE = frozenset({"ppm_only", "nn_only", "delta_", "float_", "train_", "llm_", "probe_"})


def read_scores(text: str, line: int) -> tuple[Score, ...]:
    """The scores that a line prints, at most four; the first is what the line is about."""
    found = [one for one in _BPB.finditer(text) if one.group(1) not in _SETS_ASIDE][:4]
    if not found:
        return ()
    loss = _LOSS.search(text)
    begin = min(found[0].start(), loss.start()) if loss else found[0].start()
    before, between = text[:begin], text[begin : found[0].start()]
    label = _label(before, between)
    quote = Quote(line=line, text=text[:200])
    scores: list[Score] = []
    for at, one in enumerate(found):
        exact = _EXACT.search(text, one.end()) if at == 0 else None
        printed = exact.group(1) if exact else one.group(2)
        kind = one.group(1).removesuffix("val_").rstrip("_")
        own = f"{label} {kind}".strip()
        scores.append(
            Score(
                label=own,
                meaning=_meaning(before, own, one.group(1)),
                bpb=float(printed),
                digits=len(printed.split(".")[1]),
                loss=float(loss.group(1)) if loss and at == 0 else None,
                seconds=_duration(text[begin:]),
                quote=quote,
            )
        )
    return tuple(scores)


def _label(before: str, between: str) -> str:
    """The words before the first number, without what they are parameters of."""
    words = [
        word.rstrip(":")
        for word in before[-160:].split()
        if not re.fullmatch(r"[\w.]{1,40}[:=][^:=]{1,40}", word) or word.endswith(":done")
    ]
    if "sliding" in between and words and "sliding" not in words[-1]:
        words.append("sliding")
    return " ".join(words)[-80:].strip("-=> \t\"'*`")


def _meaning(before: str, label: str, prefix: str) -> Meaning:
    if _STEP.match(before):
        return Meaning.STEP
    before = before[-_BEFORE:]
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
    line = results[-1].quote.line
    last = next(score for score in results if score.quote.line == line)
    same = [score for score in results if agrees(score.bpb, last.bpb, last.digits, score.digits)]
    most = max(score.digits for score in same)
    exact = [score for score in same if score.digits == most]
    return next((score for score in exact if score.loss is not None), exact[0])


def agrees(left: float, right: float, *digits: int) -> bool:
    """Whether two printed numbers can be one: they differ by no more than rounding does."""
    return abs(left - right) <= 0.5001 * 10.0 ** -min(digits) + 1e-12
