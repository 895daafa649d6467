"""Is all of the held-out data scored, and is none of it in the artifact or the shards? (R4, R6)"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.evidence_of import beginning, location, locations, scores
from verifier.screening.story import Story, read_story
from verifier.screening.story.events import Cut, Event, Masked, Scored
from verifier.screening.story.traces import bits
from verifier.screening.story.value import SAMPLED
from verifier.source.program import Program
from verifier.source.tree import Tree

CANONICAL_DOCUMENTS = 50_000
CANONICAL_SHARDS = 80
"""Training shards of the transformed data set that the organizers accepted."""

PAID_PREFIX = Rule(
    id="paid-prefix",
    sentence="Losses are zeroed where held-out tokens equal tokens stored in the artifact.",
    clause="R4",
    classes=("PAID_PREFIX",),
    at_most=Confidence.VIOLATION,
    clear="Store nothing of the held-out data.",
)
PART_SCORED = Rule(
    id="part-scored",
    sentence="The score covers only a part of the held-out data.",
    clause="R6",
    classes=("PARTIAL_VAL",),
    at_most=Confidence.REVIEW,
    clear="Score every token of the first 50,000 documents.",
)
SAMPLE_SCORED = Rule(
    id="sample-scored",
    sentence="The score covers held-out tokens drawn at random.",
    clause="R6",
    classes=("NONCANONICAL_VAL", "PARTIAL_VAL"),
    at_most=Confidence.REVIEW,
    clear="Score the tokens in the order of the documents, each once.",
)
SHARDS_OVERLAP = Rule(
    id="shards-overlap",
    sentence="Data preparation leaves held-out documents to the training shards.",
    clause="R4",
    classes=("DATA_OVERLAP",),
    at_most=Confidence.REVIEW,
    clear="Hold out 50,000 documents by default, and say in the README where the shards came from.",
)

RULES: tuple[Rule, ...] = (PAID_PREFIX, PART_SCORED, SAMPLE_SCORED, SHARDS_OVERLAP)

_OPTION = re.compile(
    r"[\"']--(?:num[-_])?val[-_]docs[\"'][^\n]{0,120}?default\s{0,3}=\s{0,3}([\d_]{1,12})"
)
_RUN = re.compile(
    r"python3?[ \t]{1,4}[^\s`]{0,120}?(prepare|prep_|tokenize|build_)[^\s`]{0,80}\.py"
)
_OPTION_GIVEN = re.compile(r"--(?:num[-_])?val[-_]docs[ =]{1,3}([\d_]{1,12})")
_SHARDS = re.compile(r"train_shards[:=][ \t]{0,3}(\d{1,7})")
_CHARACTERS = 400_000


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """Remarks of this file's rules."""
    story = read_story(program)
    found = scores(story)
    masked = [
        event for event in story.events if isinstance(event, Masked) and not _tilts(program, event)
    ]
    if masked:
        yield Remark(
            rule=PAID_PREFIX.id,
            confidence=Confidence.VIOLATION,
            said=f"Line {_line(masked[0])} masks losses by tokens that came with the artifact.",
            locations=locations(program, masked),
        )
    if found:
        yield from _covered(program, story, found[-1])
    yield from _overlap(tree)


def _covered(program: Program, story: Story, score: Scored) -> Iterator[Remark]:
    world = story.world
    cuts = (
        []
        if world is None
        else [
            cut
            for bit in bits(score.marks & world.cut_bits)
            if isinstance(cut := world.meaning(bit), Cut)
        ]
    )
    if cuts:
        cut = min(cuts, key=lambda each: each.length)
        found = program.location(cut.place, cut.node)
        line = int(str(found["line"]))
        place = Location(
            path=str(found["path"]), line=line, text=str(found["text"]), layer=str(found["layer"])
        )
        yield Remark(
            rule=PART_SCORED.id,
            confidence=Confidence.REVIEW,
            said=f"Line {line} keeps the first {cut.length:,} items of the held-out data.",
            locations=(place, location(program, score)),
            values={"items": cut.length},
        )
    if score.marks & SAMPLED:
        yield Remark(
            rule=SAMPLE_SCORED.id,
            confidence=Confidence.REVIEW,
            said=f"The losses of line {_line(score)} come from places drawn at random.",
            locations=(location(program, score),),
        )


def _tilts(program: Program, event: Masked) -> bool:
    """Whether what is masked is no loss but a bonus that is added to one where a token is hit.

    In `losses - boost * hit + log_z` neither factor stands in another term; in
    `losses - losses * known` and in `losses * (1 - known) + other * known` one does.
    """
    terms: list[ast.expr] = []
    inner: ast.AST = event.node
    for outer in program.around(event.place, event.node):
        if not isinstance(outer, ast.BinOp) or not isinstance(outer.op, ast.Add | ast.Sub):
            break
        terms.append(outer.right if outer.left is inner else outer.left)
        inner = outer
    factors = _names(event.node)
    return bool(terms) and not any(factors & _names(term) for term in terms)


def _names(node: ast.AST) -> set[str]:
    """The names that a term is the sum or product of, in another type or shape."""
    match node:
        case ast.Name(id=name):
            return {name}
        case ast.BinOp(left=left, right=right):
            return _names(left) | _names(right)
        case ast.UnaryOp(operand=inner) | ast.Call(func=ast.Attribute(value=inner)):
            return _names(inner)
        case _:
            return set()


def _overlap(tree: Tree) -> Iterator[Remark]:
    """A preparation that holds out fewer documents than are scored."""
    prepared = _prepared(tree)
    if prepared is None:
        return
    documents, place = prepared
    readme = "".join(
        beginning(tree, path, _CHARACTERS) for path in tree.paths if path.endswith(".md")
    )
    told = _RUN.search(readme) is not None and not any(
        int(given.replace("_", "") or 0) >= CANONICAL_DOCUMENTS
        for given in _OPTION_GIVEN.findall(readme)
    )
    shards = _shards(tree)
    made = shards is not None and shards[0] > CANONICAL_SHARDS
    said = (
        f"{place.path} holds out {documents:,} documents by default;"
        f" {CANONICAL_DOCUMENTS:,} are scored."
    )
    places: tuple[Location, ...] = (place,)
    if made and shards is not None:
        said += f" {shards[1].path} shows {shards[0]} training shards."
        places = (place, shards[1])
    elif told:
        said += " The README has it run."
    yield Remark(
        rule=SHARDS_OVERLAP.id,
        confidence=Confidence.REVIEW if told or made else Confidence.NOTE,
        said=said,
        locations=places,
        values={"documents": documents, "shards": None if shards is None else shards[0]},
    )


def _prepared(tree: Tree) -> tuple[int, Location] | None:
    for path in tree.paths:
        text = beginning(tree, path, _CHARACTERS) if path.endswith(".py") else ""
        found = _OPTION.search(text) if "val" in text and "add_argument" in text else None
        if found is not None:
            documents = int(found.group(1).replace("_", "") or 0)
            if 0 < documents < CANONICAL_DOCUMENTS:
                line = text.count("\n", 0, found.start()) + 1
                return documents, Location(
                    path=path, line=line, text=text.split("\n")[line - 1].strip()[:200]
                )
    return None


def _shards(tree: Tree) -> tuple[int, Location] | None:
    for path in tree.paths:
        text = beginning(tree, path, _CHARACTERS) if path.endswith((".log", ".txt")) else ""
        found = _SHARDS.search(text) if "train_shards" in text else None
        if found is not None:
            line = text.count("\n", 0, found.start()) + 1
            return int(found.group(1)), Location(path=path, line=line, text=found.group())
    return None


def _line(event: Event) -> int:
    return int(getattr(event.node, "lineno", 0))
