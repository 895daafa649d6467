"""What does one log say?

The lines that hold one of the words that any format of the history uses are found first; only they
are read closely, so that progress lines and embedded sources cost next to nothing. Time is linear
in the log's bytes, and what is kept is bounded. Must never raise for what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from verifier.source.logs import lines
from verifier.source.logs.embedded import find_embedded
from verifier.source.logs.record import (
    Embedded,
    Log,
    Meaning,
    Quote,
    Score,
    Stated,
    Stop,
    Work,
)
from verifier.source.logs.scores import final_score, read_scores

MOST_BYTES = 8_000_000
MOST_LINES = 20_000
"""Lines read closely. Real logs have at most a few thousand."""
LONGEST_LINE = 4_000
MOST_CHARACTERS = 600_000
"""Of all the lines read closely, in bytes; people's longest log has 140,000."""

_TELLING = tuple(
    word.encode()
    for word in (
        *("bpb", "BPB", "train_time", "stopping_early", "early_stop", "bytes", "budget:", "code:"),
        *("seed", "Seed", "SEED", "world_size", "shards", "okens:", "vocab_size", "total_docs"),
        *("(limited", "_gate=", "PTQ:", "ptq:", "erialize", "done (", "elapsed=", "quant_ttt:done"),
        *("total_eval_time", "Running P", "CUDA Version", "NVIDIA ", "Tesla ", "dataset"),
        *("tokenizer_path", "val_files", "Resum", "resum", "EVAL_ONLY", "eval_only"),
    )
)
"""A line without one of these says nothing that is read; finding them costs next to nothing."""
_NOISE = re.compile(
    r"(?:\x1b\[[0-9;]{0,16}[A-Za-z]|\s{0,4}\[(?:rank|default)?[0-9]{1,4}\]:\s?|[0-9]{10}\.[0-9]{1,6}\s"
    r"|\[?(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[T ])?[0-9]{2}:[0-9]{2}:[0-9]{2}[.,0-9]{0,8}Z?\]?\s"
    r"|\[?(?:INFO|info)\]?:?\s|- (?:INFO - )?){1,4}"
)
"""What launchers put before a line: colours, ranks, times."""


def read_log(content: bytes, characters: int = MOST_CHARACTERS) -> Log:
    """Everything the log says. Of more than `MOST_BYTES` the first and the last are read.

    `characters`: so much is read closely, for who reads many.
    """
    reader = _Reader()
    embedded = find_embedded(content[:MOST_BYTES])
    truncated = len(content) > MOST_BYTES
    for line, raw in _telling_lines(content, embedded):
        if reader.read == MOST_LINES or reader.characters > min(characters, MOST_CHARACTERS):
            truncated = True
            break
        reader.line(line, raw)
    return reader.log(content, embedded, truncated)


def _telling_lines(content: bytes, embedded: tuple[Embedded, ...]) -> Iterator[tuple[int, bytes]]:
    """(line, its bytes) for every line with a telling word, embedded sources left out."""
    line = counted = 0
    for begin, end in _parts(content, embedded):
        for at in _line_starts(content, begin, end):
            line += content.count(b"\n", counted, at)
            counted = at
            stop = content.find(b"\n", at, min(end, at + LONGEST_LINE))
            raw = content[at : stop if stop >= 0 else min(end, at + LONGEST_LINE)]
            yield line + 1, raw.rstrip(b"\r").rpartition(b"\r")[2]


def _line_starts(content: bytes, begin: int, end: int) -> list[int]:
    """Where the lines with a telling word begin, of each word the first `MOST_LINES`."""
    found: set[int] = set()
    for word in _TELLING:
        at = content.find(word, begin, end)
        for _ in range(MOST_LINES):
            if at < 0:
                break
            found.add(max(begin, content.rfind(b"\n", begin, at) + 1))
            line_end = content.find(b"\n", at, end)
            at = content.find(word, line_end, end) if line_end >= 0 else -1
    return sorted(found)


def _parts(content: bytes, embedded: tuple[Embedded, ...]) -> Iterator[tuple[int, int]]:
    begin = 0
    for source in embedded:
        yield begin, source.begin
        begin = source.end
    if len(content) <= MOST_BYTES:
        yield begin, len(content)
        return
    yield begin, max(begin, MOST_BYTES // 2)
    yield max(begin, len(content) - MOST_BYTES // 2), len(content)


@dataclass(slots=True)
class _Reader:
    """What has been read so far."""

    read: int = 0
    characters: int = 0
    scores: list[Score] = field(default_factory=list)
    stated: dict[str, list[Stated]] = field(default_factory=dict)
    texts: dict[str, tuple[str, Quote]] = field(default_factory=dict)
    works: list[Work] = field(default_factory=list)
    stop: Stop | None = None
    gpus: list[str] = field(default_factory=list)
    gpus_at: Quote | None = None
    resumed: Quote | None = None
    eval_only: Quote | None = None
    restarts: list[int] = field(default_factory=list)
    step: int = 0

    def line(self, line: int, raw: bytes) -> None:
        """Read one line closely."""
        self.read += 1
        self.characters += len(raw)
        text = raw.decode("utf-8", "replace").rstrip()
        noise = _NOISE.match(text)
        text = text if noise is None else text[noise.end() :]
        if "bpb" in text or "BPB" in text:
            scores = read_scores(text, line)
            if scores:
                self.scores += scores
                if scores[0].meaning is Meaning.STEP:
                    self.stepped(text, scores[0].quote)
                return
        if self.stopped(text, line):
            return
        quote = Quote(line=line, text=text[:200])
        for name, value, of in lines.numbers_of(text):
            self.stated.setdefault(name, []).append(Stated(value=value, quote=quote, label=of))
        for name, pattern in lines.TEXTS:
            said = pattern.match(text)
            if said is not None:
                self.texts[name] = (said.group(1), quote)
        self.worked(text, quote)
        self.machine(text, quote)

    def stopped(self, text: str, line: int) -> bool:
        """Whether the line is a step of training or its end."""
        stop = lines.STOP.search(text)
        if stop is not None:
            self.stop = Stop(
                seconds=int(stop.group(1)) / 1000,
                step=int(stop.group(2)),
                asked=int(stop.group(3)) if stop.group(3) else None,
                quote=Quote(line=line, text=text[:200]),
                early=True,
            )
            return True
        return "train_time" in text and self.stepped(text, Quote(line=line, text=text[:200]))

    def stepped(self, text: str, quote: Quote) -> bool:
        """Note a step line: the last one tells how long training took if it ran to its end."""
        found = lines.STEP.match(text)
        if found is None:
            return False
        step, asked = int(found.group(1)), int(found.group(2))
        if step < self.step and step <= 1:
            self.restarts.append(quote.line)
            self.stop = None
        self.step = step
        time = lines.STEP_TIME.search(text)
        if time is not None and (self.stop is None or not self.stop.early):
            seconds = int(time.group(1)) / 1000
            self.stop = Stop(seconds=seconds, step=step, asked=asked, quote=quote)
        return True

    def worked(self, text: str, quote: Quote) -> None:
        for phase, pattern in lines.WORKS:
            found = pattern.match(text)
            if found is not None:
                self.works.append(Work(phase=phase, seconds=float(found.group(1)), quote=quote))

    def machine(self, text: str, quote: Quote) -> None:
        device = lines.DEVICE.match(text)
        if device is not None and int(device.group(1)) == len(self.gpus):
            self.gpus.append(device.group(2).strip())
            self.gpus_at = self.gpus_at or quote
        if self.resumed is None and lines.RESUMED.search(text):
            self.resumed = quote
        if self.eval_only is None and lines.EVAL_ONLY.match(text):
            self.eval_only = quote

    def log(self, content: bytes, embedded: tuple[Embedded, ...], truncated: bool) -> Log:
        starts = [source.first_line for source in embedded[1:]]
        return Log(
            size=len(content),
            line_count=content.count(b"\n") + (not content.endswith(b"\n") and content != b""),
            scores=tuple(self.scores),
            final=final_score(self.scores),
            stated={name: tuple(found) for name, found in self.stated.items()},
            texts=self.texts,
            works=tuple(self.works),
            stop=self.stop,
            gpus=tuple(self.gpus),
            gpus_at=self.gpus_at,
            embedded=embedded,
            resumed=self.resumed,
            eval_only=self.eval_only,
            runs=(1, *(starts or self.restarts)),
            truncated=truncated,
            characters=self.characters,
        )
