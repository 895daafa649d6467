"""Which commands stand in a text that is, or quotes, a shell script?

Reads README files, shell scripts and logs line by line: joined lines, assignments before a
command, exports, variables set earlier. Nothing is expanded but plain variables, nothing is run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

TEXT_CHARACTERS = 400_000
LINE_CHARACTERS = 8_000
_JOINED = 120
_TOKENS = 400
_STARTERS = ("torchrun", "python", "bash ", "sh ", "accelerate ", "./")
_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,79})=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w{0,79})(?::?-([^{}$]{0,200}))?\}|\$([A-Za-z_]\w{0,79})")
_PROMPT = re.compile(r"\s{0,40}(?:[-*>+$%#]\s{1,4}|\d{1,2}\.\s){0,3}")
_QUOTED = re.compile(r"`([^`]{3,4000})`")
_BEFORE = frozenset(["env", "sudo", "nohup", "time", "exec", "uv", "run", "then", "do", "stdbuf"])
_OPERATORS = frozenset(";&|<>()")
_REDIRECTIONS = frozenset("<>")


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `unknown` are the variables it sets to what the text does not say.

    `line` is 1-based; `text` the command on one line.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str]
    unknown: frozenset[str]
    line: int
    text: str


def commands(text: str) -> Iterator[Command]:
    """The commands of a text that start Python or a shell, in its order. Never raises."""
    variables: dict[str, str] = {}
    exported: dict[str, str] = {}
    for number, line in _logical(text[:TEXT_CHARACTERS]):
        if line.lstrip().startswith(("```", "~~~")) or line.startswith("#"):
            if not line.startswith("#!"):
                variables, exported = {}, {}
            continue
        for part in _parts(line):
            command = _command(part, number, variables, exported)
            if command is not None:
                yield command


def blocks_of_assignments(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The fenced blocks of a README that only set variables, with their first line."""
    start, rows = 0, list[str]()
    for number, line in enumerate(text[:TEXT_CHARACTERS].split("\n"), start=1):
        if not line.lstrip().startswith(("```", "~~~")):
            rows.append(line.strip()[:LINE_CHARACTERS])
            continue
        made: dict[str, str] = {}
        words = [row.removeprefix("export ").rstrip("\\ ") for row in rows if row]
        for word in words:
            found = _ASSIGNED.fullmatch(word)
            if found is None or not found[1].isupper() or "$" in word or " " in word:
                break
            made[found[1]] = found[2].strip("\"'")
        else:
            if made:
                yield start + 1, made
        start, rows = number, []


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those that end in a backslash joined to the next, and the number of the first."""
    held: list[str] = []
    first = 0
    for number, line in enumerate(text.split("\n"), start=1):
        row = line.rstrip()[:LINE_CHARACTERS]
        if not held:
            first = number
        if row.endswith("\\") and len(held) < _JOINED:
            held.append(row[:-1])
            continue
        yield first, " ".join([*held, row])
        held = []
    if held:
        yield first, " ".join(held)


def _parts(line: str) -> Iterator[list[str]]:
    """The simple commands of a line, as words."""
    if "=" not in line and not any(each in line for each in _STARTERS):
        return
    if "`" in line:
        quoted = [each for each in _QUOTED.findall(line) if any(s in each for s in _STARTERS)]
        line = quoted[0] if quoted else line.replace("`", " ")
    line = line[: LINE_CHARACTERS * 4]
    prompt = _PROMPT.match(line)
    lexer = shlex.shlex(line[prompt.end() if prompt else 0 :], posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    target = False
    try:
        for word in lexer:
            operator = bool(word) and set(word) <= _OPERATORS
            if operator and set(word) & _REDIRECTIONS:
                if words[-1:] in (["1"], ["2"]):
                    words.pop()
            elif operator:
                yield words
                words = []
            elif not target and len(words) < _TOKENS:
                words.append(word)
            target = operator and bool(set(word) & _REDIRECTIONS)
    except ValueError:
        pass
    yield words


def _command(
    words: list[str], line: int, variables: dict[str, str], exported: dict[str, str]
) -> Command | None:
    known, unknown = dict(exported), set[str]()
    at = 0
    exports = words[:1] == ["export"]
    while at < len(words):
        word = words[at]
        if found := _ASSIGNED.fullmatch(word):
            value = expanded(found[2], variables | known)
            if value is None:
                unknown.add(found[1])
                known.pop(found[1], None)
            else:
                known[found[1]] = value
                unknown.discard(found[1])
        elif word not in _BEFORE and word != "export":
            break
        at += 1
    rest = [expanded(word, variables | known) or word for word in words[at:]]
    if not rest:
        variables.update(known)
        if exports or all(name.isupper() for name in known):
            exported.update(known)
        return None
    start = rest[0].rpartition("/")[2]
    runs = start.startswith(("torchrun", "python", "accelerate")) or start in ("bash", "sh")
    if not runs and not start.endswith(".sh"):
        return None
    return Command(tuple(rest), known, frozenset(unknown), line, " ".join(words)[:2000])


def expanded(value: str, variables: Mapping[str, str]) -> str | None:
    """`value` with plain variables filled in; None where one of them is not known."""
    if "$" not in value:
        return value
    missing = False

    def fill(found: re.Match[str]) -> str:
        nonlocal missing
        name = found[1] or found[3]
        if name in variables:
            return variables[name]
        if found[2] is not None:
            return found[2]
        missing = True
        return ""

    filled = _VARIABLE.sub(fill, value)
    return None if missing or "$" in filled else filled
