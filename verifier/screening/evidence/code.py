"""Is the shipped code the code that made the logs? Sizes, embedded sources, labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from verifier.screening.evidence.gathering import Evidence
from verifier.screening.evidence.run_logs import ReadLog
from verifier.screening.evidence.saying import note
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.source.logs import Embedded, Stated

SIZE_DIFFERS = Rule(
    id="code-size-differs",
    sentence="A log counts a code size that no shipped script has.",
    clause="R1, R9",
    at_most=Confidence.NOTE,
    clear="Ship the script that made the log.",
    classes=("CODE_MISMATCH",),
)
SOURCE_DIFFERS = Rule(
    id="embedded-source-differs",
    sentence="The source that a log embeds is not a shipped script.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Ship the script that made the log.",
    classes=("CODE_MISMATCH",),
)
NOT_WHAT_RAN = Rule(
    id="embedded-source-not-what-ran",
    sentence="The source that a log embeds cannot have printed the log.",
    clause="R9",
    at_most=Confidence.NOTE,
    clear="Ship logs as their scripts wrote them; do not edit a script while it runs.",
    classes=("CODE_MISMATCH",),
)

RULES = (SIZE_DIFFERS, SOURCE_DIFFERS, NOT_WHAT_RAN)


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about shipped code and logged code."""
    yield from _sizes(evidence)
    compared: dict[bytes, tuple[str, int, int] | None] = {}
    for log in evidence.distinct:
        for embedded in log.log.embedded:
            yield from _source(evidence, log, embedded, compared)
            yield from _ran(evidence, log, embedded)


def _sizes(evidence: Evidence) -> Iterator[Remark]:
    """Code sizes in the logs beside the sizes of what is shipped."""
    shipped = {path: evidence.tree.size(path) for path in evidence.tree.paths if _is_code(path)}
    known = {*shipped.values(), sum(shipped.values()), *(s.size for s in evidence.scripts)}
    differing: list[tuple[ReadLog, Stated]] = []
    for log in evidence.distinct:
        stated = log.log.last("code_bytes")
        if stated is not None and int(stated.value) not in known:
            differing.append((log, stated))
    if not differing or not shipped:
        return
    sizes = ", ".join(dict.fromkeys(str(int(stated.value)) for _, stated in differing))
    script = _main_script(evidence)
    said = f"{len(differing)} logs count {sizes} bytes of code; {script} has {shipped[script]}"
    places = [log.at(stated.quote) for log, stated in differing]
    logged = int(differing[0][1].value)
    places.append(Location(path=script))
    yield note(SIZE_DIFFERS, said, *places, logged=logged, shipped=shipped[script])


def _is_code(path: str) -> bool:
    return path.endswith(".py")


def _main_script(evidence: Evidence) -> str:
    """The shipped script that is meant to be run."""
    paths = [path for path in evidence.tree.paths if _is_code(path)]
    return min(
        paths,
        key=lambda path: (not path.rsplit("/", 1)[-1].startswith("train"), path.count("/"), path),
    )


def _source(
    evidence: Evidence,
    log: ReadLog,
    embedded: Embedded,
    compared: dict[bytes, tuple[str, int, int] | None],
) -> Iterator[Remark]:
    """The embedded source beside every shipped script; `compared` keeps what each text was."""
    if not embedded.whole:
        return
    text = evidence.tree.files[log.path][embedded.begin : embedded.end]
    if text not in compared:
        if len(compared) == MOST_COMPARED:
            return
        compared[text] = _nearest(evidence, text)
    found = compared[text]
    if found is None:
        return
    near, gone, new = found
    size = evidence.tree.size(near)
    said = (
        f"{log.path} embeds {embedded.size} bytes; {near} has {size}"
        f" (+{gone}/-{new} lines in the log's)"
    )
    places = (Location(path=log.path, line=embedded.first_line), Location(path=near))
    sizes = {"embedded": embedded.size, "shipped": size}
    yield note(SOURCE_DIFFERS, said, *places, **sizes, added=gone, removed=new)


def _nearest(evidence: Evidence, text: bytes) -> tuple[str, int, int] | None:
    """The shipped script nearest to a text, lines gone and new; None where one is the text."""
    scripts = {
        path: content for path, content in evidence.tree.files.items() if _is_code(path) and content
    }
    if not scripts or _same(text, scripts.values()):
        return None
    lines = set(text.split(b"\n"))
    near = min(scripts, key=lambda path: _distance(lines, scripts[path]))
    return near, *changed_lines(text.split(b"\n"), scripts[near].split(b"\n"))


def changed_lines(mine: list[bytes], others: list[bytes]) -> tuple[int, int]:
    """Lines that only the first has and only the second, in order; counted where they are many.

    The shortest edit by Myers' greedy search: its cost is bounded by lines times `MOST_CHANGED`.
    """
    lines, shipped = Counter(mine), Counter(others)
    gone, new = (lines - shipped).total(), (shipped - lines).total()
    if gone + new > MOST_CHANGED or len(mine) + len(others) > MOST_LINES:
        return gone, new
    reach = {1: 0}
    for changes in range(MOST_CHANGED + 1):
        for diagonal in range(-changes, changes + 1, 2):
            down = diagonal == -changes or (
                diagonal != changes and reach[diagonal - 1] < reach[diagonal + 1]
            )
            left = reach[diagonal + 1] if down else reach[diagonal - 1] + 1
            right = left - diagonal
            while left < len(mine) and right < len(others) and mine[left] == others[right]:
                left, right = left + 1, right + 1
            reach[diagonal] = left
            if left >= len(mine) and right >= len(others):
                more = len(mine) - len(others)
                return (changes + more) // 2, (changes - more) // 2
    return gone, new


MOST_CHANGED = 200
MOST_LINES = 10_000
MOST_COMPARED = 6
"""Texts compared with the shipped scripts, per submission: seeds share theirs."""


def _same(text: bytes, scripts: Iterable[bytes]) -> bool:
    """Whether the text is one of the scripts, line ends aside."""
    plain = text.replace(b"\r\n", b"\n").rstrip(b"\n")
    return any(plain == content.replace(b"\r\n", b"\n").rstrip(b"\n") for content in scripts)


def _distance(lines: set[bytes], script: bytes) -> int:
    return len(lines ^ set(script.split(b"\n")))


def _ran(evidence: Evidence, log: ReadLog, embedded: Embedded) -> Iterator[Remark]:
    """Whether the embedded source can have printed what follows it."""
    after = [source.first_line for source in log.log.embedded]
    end = next((line for line in after if line > embedded.last_line), log.log.line_count + 1)
    stated = [
        number
        for number in log.log.stated.get("code_bytes", ())
        if embedded.last_line < number.quote.line < end
    ]
    if embedded.whole and stated and int(stated[-1].value) != embedded.size:
        counted = int(stated[-1].value)
        said = f"{log.path} embeds {embedded.size} bytes of source and counts {counted}"
        places = [log.at(stated[-1].quote), *_read_again(evidence, log, embedded)]
        yield note(NOT_WHAT_RAN, said, *places, embedded=embedded.size, counted=counted)
    final = log.log.final
    text = evidence.tree.files[log.path][embedded.begin : embedded.end]
    if final is None or not embedded.last_line < final.quote.line < end:
        return
    label = final.label.split(" ")[0].encode("utf-8", "replace")
    if label and b"val_bpb:" in text and not _can_print(text, label):
        said = f"{log.path} ends with {final.label!r}, which its embedded source never prints"
        yield note(NOT_WHAT_RAN, said, log.at(final.quote), label=final.label)


_LITERAL = re.compile(rb"[\"']([A-Za-z][\w+.-]{2,60})(\{|(?=[\s\"':]))")
_ANY_LABEL = re.compile(rb"[\"']\{[^{}\n]{1,60}\}[^\"'\n]{0,20}val_(?:loss|bpb):")


def _can_print(source: bytes, label: bytes) -> bool:
    """Whether a text in the source begins with the label, as far as it is written out."""
    if _ANY_LABEL.search(source):
        return True
    for found in _LITERAL.finditer(source):
        before, gap = found.groups()
        if label.startswith(before) if gap else label == before:
            return True
    return False


def _read_again(evidence: Evidence, log: ReadLog, embedded: Embedded) -> Iterator[Location]:
    """Where a script reads itself more than once, so that an edit in between shows."""
    text = evidence.tree.files[log.path][embedded.begin : embedded.end]
    for path, content in evidence.tree.files.items():
        if _is_code(path) and _same(text, [content]):
            rows = content.decode("utf-8", "replace").split("\n")
            reads = [at for at, row in enumerate(rows, 1) if "__file__" in row and "read" in row]
            if len(reads) > 1:
                yield from (evidence.line_of(path, at) for at in reads[:4])
