"""What was judged already? One JSON line for each verdict on a mutant, appended as it falls.

A verdict holds for one mutant (its key) under one `judged`: the digest of the mutated file, of
mutmut's version and of the tests: of a mutant that was noticed, of the file of the test that did
and what that may import; of a survivor, of all the room's. What other rooms do to it is not in that
digest: `--fresh`.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """One fault. `name` is what mutmut's trampoline knows it by, `covers` its function there.

    `before` and `after` are the lines that differ, without indent. `key` is a digest of file,
    function, and both versions of the function: it does not move when other code does.
    """

    key: str
    name: str
    covers: str
    file: str
    function: str
    before: str
    after: str


@dataclass(frozen=True)
class Judged:
    """`answer` is killed, timeout, survived or uncovered; `by` the test that noticed."""

    key: str
    judged: str
    answer: str
    by: str
    seconds: float


def digest(root: Path, files: Iterable[str], *more: str) -> str:
    """Of names and contents of `files`, and of what else a verdict depends on."""
    whole = hashlib.sha256(json.dumps(more).encode())
    for file in sorted(files):
        content = (root / file).read_bytes()
        whole.update(f"{file}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()[:16]


def under(root: Path, file: str, tests: Iterable[str], *more: str) -> dict[str, str]:
    """The digest that a verdict on a mutant of `file` gets, by the test file that noticed; "" is
    for those that no test, or nobody knows which, did.
    """
    tests = list(tests)
    found = {
        test: digest(root, {file, *imported(root, test, tests)}, *more)
        for test in tests
        if Path(test).name.startswith("test_")
    }
    return found | {"": digest(root, [file, *tests], *more)}


def imported(root: Path, test: str, among: Iterable[str]) -> set[str]:
    """`test` and what it imports of `among`, and the data beside each under the same name."""
    known, found, todo = set(among), set(), [test]
    while todo:
        one = todo.pop()
        if one in found:
            continue
        found |= {one, *(each for each in known if Path(each).stem == Path(one).stem)}
        for node in ast.walk(ast.parse((root / one).read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                todo += {f"{name.replace('.', '/')}.py" for name in names} & known
    return found | {each for each in known if Path(each).name == "conftest.py"}


def holds(judged: Judged, digests: Mapping[str, str]) -> bool:
    """Whether nothing has changed under a verdict; `digests` as `under` gives them."""
    return judged.judged == digests[noticed_in(judged.by, digests)]


def noticed_in(by: str, digests: Mapping[str, str]) -> str:
    """The file of the test `by`, as `digests` know it."""
    file = by.partition("::")[0]
    return file if file in digests else ""


def kept(path: Path) -> dict[str, Judged]:
    """The last verdict on each key; a line that was cut off by a kill is no verdict."""
    found = {}
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                judged = Judged(**json.loads(line))
            except (ValueError, TypeError):
                continue
            found[judged.key] = judged
    return found


def keep(path: Path, judged: Judged) -> None:
    """Append one verdict."""
    with path.open("a") as file:
        file.write(json.dumps(asdict(judged)) + "\n")
