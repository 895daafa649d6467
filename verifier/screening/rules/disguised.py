"""Are held-out shards read under another name than their own? (R4)

What the training loop reads is told by the names of files, so a pattern that takes in both kinds,
a link, or a name that is put together is a question for a person. A copy of a held-out shard under
a training name is a violation where the script itself makes it.
"""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Iterator

from verifier.screening.finding import Confidence, Location, Remark
from verifier.screening.rule import Rule
from verifier.screening.rules.evidence_of import beginning
from verifier.screening.rules.mentions import dotted, on_lines
from verifier.screening.rules.places import at, at_each
from verifier.screening.searching import lines_holding
from verifier.source.functions import Function, last_name
from verifier.source.program import Program
from verifier.source.tree import Tree
from verifier.source.values import words

DISGUISED = Rule(
    id="held-out-disguised",
    sentence="Held-out shards may be read under a name that does not say so.",
    clause="R4",
    classes=("TRAIN_ON_VAL",),
    at_most=Confidence.VIOLATION,
    clear="Write the names of training and held-out shards out, and read each by its own.",
)
RULES: tuple[Rule, ...] = (DISGUISED,)

_SHARD, _TRAINING_SHARD = "fineweb_val_000000.bin", "fineweb_train_000000.bin"
_PATTERNS = words("glob iglob rglob")
_LISTS = words("os.listdir os.scandir os.walk os.fwalk")
_COPIES = words(
    "symlink link symlink_to hardlink_to link_to copy copy2 copyfile rename replace move"
)
_BUILT = (ast.BinOp, ast.JoinedStr, ast.Call, ast.Subscript)
_HELD_OUT = re.compile(r"(?:^|[/_.\-*])val(?:id|idation)?(?:[/_.\-*]|$)")
_TRAIN = re.compile(r"(?:^|[/_.\-*])train(?:ing)?(?:[/_.\-*]|$)")
_ONLY = re.compile(
    r"fineweb[a-z0-9_]{0,24}[_-]val(?:id)?[_-]?only|(?<!no )val(?:idation)?[-_ ]?only training"
    r"|(?<!not )trains? on `?fineweb_val"
)
_WORDS = (
    "valonly",
    "val_only",
    "val-only",
    "val only",
    "validation-only",
    "validation only",
    "on fineweb_val",
    "on `fineweb_val",
    "validonly",
    "valid_only",
)
_MARKS = (
    *("fineweb", "glob(", "listdir", "scandir", "walk(", "iterdir", "link", "shutil", "copy("),
    *("copyfile", "copy2", "rename(", "move(", ".replace(", ".join(", "chr(", "bytes(", "::-1]"),
    *("' +", '" +', "'+", '"+', "+ '", '+ "', "+'", '+"', "+ f", "+ b", "}al", "}_", "{'", '{"'),
)
"""What a line holds that names shards, or puts texts together."""
_COPIED = re.compile(
    r"\b(?:ln|cp|mv|rsync)[ \t][^\n]{0,200}_val_[^\n ]{0,80}[ \t]+[^\n ]{0,200}_train_"
)
_TEXTS = (".md", ".sh", ".log", ".txt", ".json")
_CHARACTERS = 400_000
_LONGEST = 400
_DEEP = 40


def check(program: Program, tree: Tree) -> Iterator[Remark]:
    """One remark for what the script makes, one for what it and its texts may read."""
    sure: dict[Location, str] = {}
    asked: dict[Location, str] = {}
    for node, function in _candidates(program):
        if isinstance(node, ast.Call) and (why := _copied(program, function, node)):
            sure.setdefault(at(program, function, node), why)
        elif why := _listed(program, function, node) or _put_together(program, function, node):
            asked.setdefault(at(program, function, node), why)
    asked.update(_set(program))
    asked.update(_told(tree))
    yield from at_each(DISGUISED, sure, Confidence.VIOLATION)
    yield from at_each(DISGUISED, asked)


def _copied(program: Program, function: Function, call: ast.Call) -> str:
    """os.symlink(held-out, training), and the like."""
    if last_name(call.func) not in _COPIES:
        return ""
    given = [program.value(each, function) for each in call.args[:2]]
    if isinstance(call.func, ast.Attribute) and len(given) == 1:  # Path(a).rename(b)
        base = program.value(call.func.value, function)
        linked = call.func.attr in ("symlink_to", "hardlink_to")
        given = [given[0], base] if linked else [base, given[0]]
    if len(given) != 2 or not all(len(str(each)) <= _LONGEST for each in given):
        return ""
    source, target = (str(each).rpartition("/")[2] for each in given)
    held = _HELD_OUT.search(source) and not _TRAIN.search(source)
    return f"puts {source} in the place of {target}" if held and _TRAIN.search(target) else ""


def _candidates(program: Program) -> Iterator[tuple[ast.expr, Function]]:
    """The live texts and calls on lines that name shards, or put texts together."""
    for unit in program.units:
        module = program.of(unit.tree) if unit.tree is not None else None
        lines = lines_holding(unit.text, _MARKS)
        if unit.tree is None or module is None or not lines:
            continue
        for node, function, _ in on_lines(program, unit.tree, module, lines):
            if isinstance(node, (ast.Constant, *_BUILT)) and program.live(function, node):
                yield node, function


def _listed(program: Program, function: Function, call: ast.expr) -> str:
    """A pattern without "val" that takes in held-out shards too, or a whole folder of data."""
    if not isinstance(call, ast.Call):
        return ""
    name = last_name(call.func)
    if name in _PATTERNS and call.args:
        value = str(program.value(call.args[0], function))
        return "takes in held-out shards too" if _takes_both(value) else ""
    where: object = None
    if name == "iterdir" and isinstance(call.func, ast.Attribute):
        where = program.value(call.func.value, function)
    elif call.args and any(each.endswith(f".{name}") for each in _LISTS):
        known = dotted(program, call.func, function) in _LISTS
        where = program.value(call.args[0], function) if known else None
    data = any(word in str(where)[:_LONGEST].lower() for word in ("data", "fineweb"))
    return "lists a whole folder of data" if data else ""


def _takes_both(pattern: str) -> bool:
    last = pattern[-_LONGEST:].rpartition("/")[2]
    return (
        ("fineweb" in last or last.endswith(".bin"))
        and any(mark in last for mark in "*?[")
        and not _HELD_OUT.search(last)
        and fnmatch.fnmatchcase(_SHARD, last)
    )


def _set(program: Program) -> Iterator[tuple[Location, str]]:
    """A setting of the training data that is such a pattern."""
    for name, setting in program.settings.items():
        values = setting.value if isinstance(setting.value, list | tuple) else [setting.value]
        if "train" in name.lower() and any(_takes_both(str(each)) for each in values[:20]):
            place = program.location(setting.unit, None)
            yield (
                Location(
                    path=str(place["path"]),
                    line=setting.line,
                    text=program.line(setting.unit, setting.line),
                    layer=str(place["layer"]),
                ),
                "takes in held-out shards too",
            )


def _put_together(program: Program, function: Function, node: ast.expr) -> str:
    """A text with "val" in it of parts that have none; train turned into val; a pattern of both."""
    if isinstance(node, ast.Constant):
        both = "fineweb" in str(node.value)[:_LONGEST] and _takes_both(str(node.value))
        return "takes in held-out shards too" if both else ""
    if isinstance(node, ast.Call) and _turns(program, function, node):
        return "turns a training name into a held-out one"
    if not _has_text(node):
        return ""
    made = _made(program, function, node)
    if len(made) > _LONGEST or not _HELD_OUT.search(made):
        return ""
    if any(_says_held_out(program, function, each) for each in ast.walk(node)):
        return ""
    return f"puts the name {made[:60]} together"


def _made(program: Program, function: Function, node: ast.expr, deep: int = 0) -> str:
    """The text that an expression makes, "" for a part that is not known."""
    if deep > _DEEP:
        return ""
    match node:
        case ast.BinOp(op=ast.Add()):
            left = _made(program, function, node.left, deep + 1)
            return (left + _made(program, function, node.right, deep + 1))[: 2 * _LONGEST]
        case ast.JoinedStr():
            parts = [_made(program, function, each, deep + 1) for each in node.values]
            return "".join(parts)[: 2 * _LONGEST]
        case ast.FormattedValue():
            return _made(program, function, node.value, deep + 1)
    made = program.value(node, function)
    return made if isinstance(made, str) else ""


def _turns(program: Program, function: Function, call: ast.Call) -> bool:
    match call:
        case ast.Call(
            func=ast.Attribute(attr="replace"), args=[ast.Constant(value=str() as old), new, *_]
        ) if "train" in old:
            made = program.value(new, function)
            return isinstance(made, str) and "val" in made
    return False


def _has_text(value: ast.expr, deep: int = 0) -> bool:
    """Whether an expression is made of short texts that are written in it."""
    if deep > _DEEP:
        return False
    match value:
        case ast.BinOp():
            return _has_text(value.right, deep + 1) or _has_text(value.left, deep + 1)
        case ast.Constant(value=str() | bytes() as text):
            return len(text) <= _LONGEST and len(text.split(None, 1)) < 2
        case ast.JoinedStr():
            texts = [each for each in value.values[:_DEEP] if isinstance(each, ast.Constant)]
            return all(_has_text(each, deep + 1) for each in texts)
        case ast.Call(func=ast.Attribute(value=base)) | ast.Subscript(value=base):
            return _has_text(base, deep + 1)
        case ast.Call(func=ast.Name(id="chr" | "bytes" | "bytearray" | "str")):
            return True
    return False


def _says_held_out(program: Program, function: Function, node: ast.AST) -> bool:
    """Whether a part of an expression has the name already."""
    match node:
        case ast.Constant(value=str() as text):
            return "val" in text
        case ast.Name() | ast.Attribute():
            return "val" in str(program.value(node, function))[:_LONGEST]
    return False


def _told(tree: Tree) -> Iterator[tuple[Location, str]]:
    """A data set of held-out shards only, or a held-out shard that is copied, in its texts."""
    for path in tree.paths:
        text = beginning(tree, path, _CHARACTERS).lower() if path.endswith(_TEXTS) else ""
        patterns = [(_ONLY, "tells of training on held-out shards")] if _about(text) else []
        if not path.endswith((".log", ".txt")) and "_val_" in text and "_train_" in text:
            patterns.append((_COPIED, "puts a held-out shard in the place of a training shard"))
        for pattern, why in patterns:
            found = pattern.search(text)
            if found is not None:
                line = text.count("\n", 0, found.start()) + 1
                row = beginning(tree, path, _CHARACTERS).split("\n")[line - 1].strip()[:200]
                yield Location(path=path, line=line, text=row), why


def _about(text: str) -> bool:
    return any(word in text for word in _WORDS)
