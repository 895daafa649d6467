"""Which cases are there, what must be said of each, and how does one become a submission?

A case is a module in `cases/`. What it defines takes the place of what base.py defines under that
name; what base.py does not have is put before its `main`; the attributes of its `Hyperparameters`
are added to the base's. Modules of `parts/` from which it imports are laid under it in the same
way. Three names say more: EDITS (lines of the script and what replaces them), LAUNCH (variables
before the command), PACKED (the script unpacks itself). No module of the zoo is ever imported.
"""

from __future__ import annotations

import ast
import base64
import json
import lzma
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
BASE = HERE / "base.py"
SCRIPT = "train_gpt.py"
SETTINGS = "Hyperparameters"
REFUTED, CLEAN = "REFUTED", "CLEAN"
_ZOO = "tests.shadow.zoo"
_SAID = re.compile(r"^(Class|Expected|Breaks|Shows): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case. `rule` is its class of RULES.md, "none" for one that breaks nothing.

    `breaks` names the condition that must be said to be violated, "nothing" for a clean one;
    `shows` tells by what the break shows: total (the printed one, on uniformly random tokens),
    tempted (the printed one, on text that repeats itself), future (earlier costs move), artifact
    (its bytes move with the held-out data), reads (of training shards, after the time), bytes (the
    ratio of the printed numbers), coverage (the targets counted), target (a cost that depends on
    its target as no distribution does).
    """

    name: str
    rule: str
    expected: str
    breaks: str
    shows: str
    edits: Mapping[str, str]
    launch: str
    packed: bool

    @property
    def path(self) -> Path:
        """Its module."""
        return HERE / "cases" / f"{self.name}.py"

    @property
    def family(self) -> str:
        """The first word of its class: TTT, NGRAM, BYTE, …"""
        return self.rule.split("_")[0]


# ---------------------------------------------------------------- reading


def names() -> list[str]:
    """Every case."""
    return sorted(each.stem for each in (HERE / "cases").glob("*.py") if each.stem != "__init__")


def read(name: str) -> Case:
    """What a case says of itself."""
    tree = ast.parse((HERE / "cases" / f"{name}.py").read_text(encoding="utf-8"))
    said = dict(_SAID.findall(ast.get_docstring(tree) or ""))
    own = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in _RESERVED
    }
    return Case(
        name=name,
        rule=said["Class"],
        expected=said["Expected"],
        breaks=said["Breaks"],
        shows=said["Shows"],
        edits=own.get("EDITS", {}),
        launch=own.get("LAUNCH", ""),
        packed=own.get("PACKED", False),
    )


_RESERVED = ("EDITS", "LAUNCH", "PACKED", "__all__")
_GONE = "\0"


# ---------------------------------------------------------------- the script


def script(case: Case) -> str:
    """The case's train_gpt.py."""
    text = BASE.read_text(encoding="utf-8")
    for layer in _layers(case.path):
        text = _laid_over(text, layer)
    for old, new in case.edits.items():
        assert text.count(old) == 1, f"{case.name}: {text.count(old)} times in the script: {old!r}"
        text = text.replace(old, new)
    return _packed(text) if case.packed else text


def _layers(path: Path) -> list[Path]:
    """The parts that a module builds on, each once, then the module."""
    made: list[Path] = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{_ZOO}.parts."):
            part = HERE / "parts" / f"{(node.module or '').rpartition('.')[2]}.py"
            made += [each for each in _layers(part) if each not in made]
    return [*made, path]


def _laid_over(text: str, layer: Path) -> str:
    """The script with a layer's definitions in it."""
    source = layer.read_text(encoding="utf-8")
    added: list[str] = []
    for node, segment in _definitions(source):
        if isinstance(node, ast.Import | ast.ImportFrom):
            if not _bound(node) <= _imported(text):
                text = _before(text, "import numpy as np", segment)
            continue
        name = defined(node)
        old = {defined(each): found for each, found in _definitions(text)}
        if isinstance(node, ast.ClassDef) and name == SETTINGS:
            text = text.replace(old[name], _with_settings(old[name], node, source))
        elif name in old:
            text = text.replace(old[name], segment)
        else:
            added.append(segment)
    return _before(text, "def main() -> None:", *added, gap="\n\n\n") if added else text


def _definitions(source: str) -> Iterator[tuple[ast.stmt, str]]:
    """What a module defines or imports, each with its lines; none of what belongs to the zoo."""
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Expr) or defined(node) in _RESERVED:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("__", _ZOO)):
            continue
        begins = [node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))]
        yield node, "\n".join(lines[min(begins) - 1 : node.end_lineno])


def _bound(node: ast.Import | ast.ImportFrom) -> set[str]:
    return {each.asname or each.name for each in node.names}


def _imported(text: str) -> set[str]:
    imports = [
        node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    return set().union(*map(_bound, imports))


def defined(node: ast.stmt) -> str:
    """The name that a statement defines, "" for none."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return ""


def _with_settings(old: str, node: ast.ClassDef, source: str) -> str:
    """The base's settings with a layer's in or after them."""
    lines = old.splitlines()
    held = {defined(each): each for each in ast.parse(old).body[0].body}  # type: ignore[attr-defined]
    theirs = source.splitlines()
    for each in node.body:
        if not defined(each):
            continue
        segment = theirs[each.lineno - 1 : each.end_lineno]
        if (before := held.get(defined(each))) is not None:
            first, last = before.lineno - 1, before.end_lineno or before.lineno
            lines[first:last] = ["\n".join(segment)] + [_GONE] * (last - first - 1)
        else:
            lines += segment
    return "\n".join(line for line in lines if line != _GONE)


def _before(text: str, anchor: str, *segments: str, gap: str = "\n") -> str:
    assert text.count(f"\n{anchor}") == 1, f"no one place for {segments[:1]}"
    return text.replace(f"\n{anchor}", "\n" + gap.join([*segments, anchor]))


def _packed(text: str) -> str:
    """The script as one line that unpacks and runs it."""
    held = base64.b85encode(lzma.compress(text.encode(), preset=9)).decode()
    return f"import base64,lzma\nexec(lzma.decompress(base64.b85decode({held!r})))\n"


# ---------------------------------------------------------------- the folder

_README = """\
# {title}

Nine layers of width 512 with tied embeddings, trained for ten minutes, int8 + zlib.

```bash
{launch}RUN_ID={name} torchrun --standalone --nproc_per_node=8 train_gpt.py
```
"""


def build(case: Case, folder: Path) -> Path:
    """The case's submission in `folder`, which is made."""
    folder.mkdir(parents=True)
    title = case.name.replace("_", " ").capitalize()
    readme = _README.format(
        title=title, name=case.name, launch=f"{case.launch} " if case.launch else ""
    )
    claims = {
        "author": "A Contestant",
        "github_id": "contestant",
        "name": title,
        "date": "2026-04-01",
        "val_loss": 2.0727,
        "val_bpb": 1.2244,
    }
    (folder / SCRIPT).write_text(script(case), encoding="utf-8")
    (folder / "README.md").write_text(readme, encoding="utf-8")
    (folder / "submission.json").write_text(json.dumps(claims, indent=2) + "\n", encoding="utf-8")
    return folder
