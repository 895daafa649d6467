"""Do the shipped scripts that prepare data betray overlapping or other data? Their defaults do.

Reads text only: an option's default, a constant, a method's name. Whether the default was used is
for a person to find out; the logs rarely say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from verifier.screening.evidence.gathering import Evidence, Script
from verifier.screening.evidence.saying import note
from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule

HELD_OUT = Rule(
    id="preparation-held-out-documents",
    sentence="Data preparation keeps fewer documents out of training than are scored.",
    clause="R4, R6",
    at_most=Confidence.NOTE,
    clear="Make 50,000 the default, or pass the option in the README's command.",
    classes=("DATA_OVERLAP",),
)
SHARD = Rule(
    id="preparation-shard-size",
    sentence="Data preparation writes shards of another size than the published data.",
    clause="R4",
    at_most=Confidence.NOTE,
    clear="Write shards of 100,000,000 tokens, or say how the data differs.",
)
OLD_LIBRARY = Rule(
    id="preparation-needs-old-sentencepiece",
    sentence="Data preparation calls a method that recent sentencepiece does not have.",
    clause="R8",
    at_most=Confidence.NOTE,
    clear="Pin sentencepiece, or use encode with out_type='immutable_proto'.",
)

RULES = (HELD_OUT, SHARD, OLD_LIBRARY)

SCORED_DOCUMENTS = 50_000
SHARD_TOKENS = 100_000_000
LONGEST_TEXT = 1_000_000

_DOCUMENTS = re.compile(
    r"^[^#\n]{0,80}(?:--(?:num-)?val-docs|(?:num_val_docs|val_docs|NUM_VAL_DOCS|VAL_DOCS)\b)"
    r"[^\n]{0,80}?(?:default\s?=|[=,:])[^\n0-9]{0,40}?([0-9][0-9_]{2,12})\b[^\n]{0,200}$",
    re.M,
)
_VAL_DOCS = ("val-docs", "val_docs", "VAL_DOCS")
_SHARD = re.compile(
    r"^\s{0,4}(?:SHARD_TOKENS|SHARD_SIZE|TOKENS_PER_SHARD|shard_size)\s?=\s?(?:int\()?"
    r"(10\s?\*\*\s?[0-9]|1e[0-9]|[0-9][0-9_]{0,14})",
    re.M,
)
_OLD = re.compile(r"^[^#\n]{0,200}\.(?:en|de)code\w{0,6}_as_immutable_proto\([^\n]{0,200}$", re.M)


def check(evidence: Evidence) -> Iterator[Remark]:
    """Every remark about scripts that prepare data."""
    readme = "\n".join(
        evidence.tree.text(path) or "" for path in evidence.tree.paths if path.endswith(".md")
    )
    for script in evidence.scripts:
        name = script.path.rsplit("/", 1)[-1]
        if script.layer or name.startswith("train_gpt"):
            continue
        text = script.text[:LONGEST_TEXT]
        yield from _held_out(evidence, script, text, readme)
        yield from _shard(script, text)
        old = _OLD.search(text) if "_as_immutable_proto" in text else None
        if old is not None:
            said = f"{script.path} calls a method that sentencepiece 0.2.3 does not have"
            yield note(OLD_LIBRARY, said, _place(script, text, old.start(), old.group()))


def _held_out(evidence: Evidence, script: Script, text: str, readme: str) -> Iterator[Remark]:
    found = _DOCUMENTS.search(text) if any(each in text for each in _VAL_DOCS) else None
    if found is None or "--val-docs" in readme:
        return
    documents = int(found.group(1).replace("_", ""))
    if not 0 < documents < SCORED_DOCUMENTS:
        return
    scored = [
        (log, counted)
        for log in evidence.distinct
        if (counted := log.log.last("documents")) is not None and counted.value > documents
    ]
    said = f"{script.path} holds out {documents} documents by default"
    places = [_place(script, text, found.start(), found.group())]
    if scored:
        said += f"; the logs score {int(scored[0][1].value)}"
        places += [log.at(counted.quote) for log, counted in scored]
    yield note(HELD_OUT, said, *places, held_out=documents, scored=SCORED_DOCUMENTS)


def _shard(script: Script, text: str) -> Iterator[Remark]:
    found = _SHARD.search(text)
    if found is None:
        return
    written = found.group(1).replace("_", "").replace(" ", "")
    power = written.split("**")[-1] if "**" in written else written.removeprefix("1e")
    size = 10 ** int(power) if not written.isdigit() else int(written)
    if size != SHARD_TOKENS:
        said = (
            f"{script.path} writes shards of {size} tokens; the published ones have {SHARD_TOKENS}"
        )
        row = text[found.start() :].split("\n", 1)[0]
        yield note(SHARD, said, _place(script, text, found.start(), row), tokens=size)


def _place(script: Script, text: str, at: int, row: str) -> Location:
    stripped = len(row) - len(row.lstrip("\n"))
    line = text.count("\n", 0, at + stripped) + 1
    return Location(path=script.path, line=line, text=row.strip("\n")[:200])
