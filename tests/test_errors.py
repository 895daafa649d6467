"""The tree of failures is the one that is drawn, each with its exit code and what it says."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import verifier
from verifier import errors
from verifier.errors import BadInput, Interrupted, VerifierError

BRANCH = re.compile(r"^ {4}(?P<lines>[│├└─ ]*)(?P<name>[A-Z]\w+) +(?P<code>\d+) {2}\S")


def drawn() -> dict[str, tuple[str | None, int]]:
    """(parent, exit code) of every name in the drawing, read off its indentation."""
    found: dict[str, tuple[str | None, int]] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if branch := BRANCH.match(line):
            depth = len(branch["lines"]) // 4
            above[depth:] = [branch["name"]]
            parent = above[depth - 1] if depth else None
            found[branch["name"]] = parent, int(branch["code"])
    return found


def defined() -> dict[str, type[BaseException]]:
    classes = vars(errors).items()
    return {
        name: kind
        for name, kind in classes
        if inspect.isclass(kind) and issubclass(kind, BaseException)
    }


def walk(kind: type[BaseException]) -> list[type[BaseException]]:
    return [kind, *(below for child in kind.__subclasses__() for below in walk(child))]


def test_the_drawing_holds_every_failure_and_no_other() -> None:
    """A new failure is drawn before it is raised."""
    assert set(drawn()) == set(defined())
    assert {kind.__name__ for kind in walk(VerifierError)} | {"Interrupted"} == set(drawn())
    assert len(drawn()) > 10


@pytest.mark.parametrize("name", drawn())
def test_each_failure_hangs_where_it_is_drawn_with_its_exit_code(name: str) -> None:
    """DESIGN law 5: 64 the caller's request, 70 the verifier or the machine, 130 interrupted."""
    parent, code = drawn()[name]
    kind = defined()[name]
    base = kind.__base__
    assert base is not None
    roots = {"VerifierError": "Exception", "Interrupted": "BaseException"}
    assert base.__name__ == (parent or roots[name])
    assert kind.exit_code == code  # type: ignore[attr-defined]


def test_exit_codes_are_of_three_kinds_and_never_a_verdicts() -> None:
    """0, 1 and 2 are for verdicts: a failure of ours must not look like one."""
    assert {code for _, code in drawn().values()} == {64, 70, 130}


def test_an_interrupt_is_not_caught_with_the_failures() -> None:
    """Ctrl-C passes every `except Exception` and every `except VerifierError`."""
    assert not issubclass(Interrupted, Exception)


def test_no_room_has_failures_of_its_own() -> None:
    """A subclass outside the drawing would have no line in it and no code of its own."""
    package = Path(verifier.__file__).parent
    for path in sorted(package.rglob("*.py")):
        if path.name == "errors.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                assert not bases & set(drawn()), f"{path}:{node.lineno} {node.name}"


def raised(kind: type[VerifierError]) -> VerifierError:
    if issubclass(kind, BadInput):
        return kind("is odd", file=Path("a.yaml"), place=3, remedy="mend it")
    return kind("is odd", remedy="mend it")


@pytest.mark.parametrize("kind", walk(VerifierError), ids=lambda kind: kind.__name__)
def test_every_failure_says_what_and_what_to_do(kind: type[VerifierError]) -> None:
    """One sentence and a remedy, both in what a person reads."""
    fault = raised(kind)
    assert str(fault).endswith("is odd (mend it)")
    assert fault.remedy == "mend it"
    assert fault.message in str(fault)
    assert (kind.__doc__ or "").strip()


def test_a_failure_without_a_remedy_is_its_message_alone() -> None:
    """No empty brackets."""
    assert str(VerifierError("the disk is gone")) == "the disk is gone"


@pytest.mark.parametrize(
    ("place", "shown"), [(3, "a.yaml:3: odd"), ("", "a.yaml: odd"), (0, "a.yaml:0: odd")]
)
def test_a_wrong_file_is_named_with_its_place(place: str | int, shown: str) -> None:
    """`file:place:` so that editors can jump to it; byte 0 and line 0 are places too."""
    fault = BadInput("odd", file=Path("a.yaml"), place=place)
    assert str(fault) == shown
    assert (fault.file, fault.place) == ("a.yaml", str(place))
