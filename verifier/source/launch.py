"""With which command is a submission's script run, and who says so?

verify.yaml, then the README's run block, scripts that it starts, submission.json, logs; where
nothing says it, torchrun on 8 GPUs as the competition runs it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

import yaml

from verifier.source.shell import Command, blocks_of_assignments, commands
from verifier.source.tree import Tree

ENTRY = "train_gpt.py"
PROCESSES = 8
_NOWHERE = "default"
_MANIFEST = "verify.yaml"
_INTEGER_BITS = 64
_NO_VALUE = (ValueError, LookupError, AttributeError, OverflowError)
"""What YAML's own constructors raise for `!!int ""`, `!!bool x` and `!!timestamp x`."""
_MANIFEST_BYTES = 64 * 1024
_CLAIMS_BYTES = 1 << 20
_LOG_BYTES = 200_000
_SCRIPTS_DEEP = 2
_COMMANDS = 200
_LOOKED_AT = 3_000
"""Commands of all texts that are looked at, those of a script each time it is started."""
_READMES = 8
_ASSIGNMENTS = 60
_WORDS = re.compile(r"\S+\s*")
_ASSIGNS = re.compile(r"[A-Z][A-Z0-9_]{0,60}=\S{0,200} +")
_GIVEN_TO_EACH = frozenset(
    ["RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "MASTER_ADDR", "MASTER_PORT"]
)
_GIVEN_TO_ALL = frozenset(["WORLD_SIZE", "LOCAL_WORLD_SIZE"])
_PREPARES = re.compile(
    r"(?:^|/)(?:cached_challenge|prepare|download|build|pack|make|calc|test|smoke|plot|analy[sz]e"
    r"|tokenize|retokenize|setup|golf|compress|decompress)[^/]*\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """The command. `script` is a path in the tree; `processes` per node, None without torchrun.

    `unknown` are variables that are set to what nobody says. `told_by` names where the command
    was found ("README.md:31"), "default" where nowhere; `command` is it on one line.
    """

    script: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    processes: int | None = PROCESSES
    told_by: str = _NOWHERE
    command: str = ""
    cut: bool = False
    """There were more commands than were looked at."""

    @property
    def told(self) -> bool:
        """Whether the submission itself says the command."""
        return self.told_by != _NOWHERE

    @property
    def seen(self) -> tuple[dict[str, str], frozenset[str]]:
        """The variables that a process of this command sees, and those set to what is unknown."""
        if self.processes is None:
            return dict(self.environment), self.unknown
        if not self.told:
            return dict(self.environment), self.unknown | _GIVEN_TO_EACH | _GIVEN_TO_ALL
        given = dict.fromkeys(_GIVEN_TO_ALL, str(self.processes))
        return {**given, **self.environment}, self.unknown | _GIVEN_TO_EACH


def find_launch(tree: Tree) -> Launch | None:
    """The command of a submission, None where it has no Python script."""
    return next(iter(find_launches(tree)), None)


def find_launches(tree: Tree) -> tuple[Launch, ...]:
    """Every command that the submission names for itself, the likeliest first; else the default."""
    if not any(path.endswith(".py") for path in tree.files):
        return ()
    search = _Search(tree)
    for source in (
        search.of_manifest,
        search.of_readme,
        search.of_claims,
        search.of_logs,
        search.of_blocks,
    ):
        found = [each for each in source() if not _PREPARES.search(each.script)]
        usable = {
            (each.script, each.arguments, tuple(sorted(each.environment.items()))): each
            for each in reversed(found)
        }
        if usable:
            return tuple(
                replace(each, cut=search.left <= 0)
                for each in sorted(reversed(usable.values()), key=_rank)
            )
    return (replace(_default(tree), cut=search.left <= 0),)


def _default(tree: Tree) -> Launch:
    """The script that looks most like the one that is run, as the competition runs it."""
    script = min((path for path in tree.files if path.endswith(".py")), key=_likeness)
    command = f"torchrun --standalone --nproc_per_node={PROCESSES} {script}"
    return Launch(script=script, command=command)


def _rank(launch: Launch) -> tuple[bool, bool, bool]:
    """What is likelier the record's own run: the training script, on all GPUs, by its name."""
    name = launch.script.rpartition("/")[2]
    return (
        not name.startswith(("train", "submission", "run")),
        launch.processes != PROCESSES,
        name != ENTRY and not launch.told_by.startswith(_MANIFEST),
    )


def _likeness(path: str) -> tuple[bool, bool, int, bool, int, str]:
    """Orders scripts by how much they look like the one that is run."""
    name = path.rpartition("/")[2]
    return (
        name != ENTRY,
        not name.startswith(("train", "submission")),
        path.count("/"),
        _PREPARES.search(path) is not None,
        len(name),
        path,
    )


# -- where commands stand ------------------------------------------------------------------------


def _is_short(value: object) -> bool:
    """Whether Python writes it out: it refuses integers of some thousand digits."""
    return not isinstance(value, int) or value.bit_length() <= _INTEGER_BITS


class _Search:
    """One look through the texts of a submission. `left`: how many commands are still looked at."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._scripts: dict[str, tuple[Command, ...]] = {}
        self.left = _LOOKED_AT

    def of_manifest(self) -> Iterator[Launch]:
        """What verify.yaml says."""
        content = self._tree.files.get(_MANIFEST, b"")
        if not content or len(content) > _MANIFEST_BYTES:
            return
        try:
            given = yaml.safe_load(content.decode("utf-8", "replace"))
        except (yaml.YAMLError, RecursionError, *_NO_VALUE):
            return
        if not isinstance(given, dict):
            return
        words = given.get("command", given.get("train"))
        settings = given.get("environment")
        environment = {
            str(name): str(value)
            for name, value in (settings.items() if isinstance(settings, dict) else ())
            if _is_short(name) and _is_short(value) and isinstance(value, str | int | float)
        }
        if isinstance(words, str):
            made = list(islice(commands(words), _COMMANDS))
        elif isinstance(words, list) and all(isinstance(each, str) for each in words):
            made = [Command(tuple(words), {}, frozenset(), 1, " ".join(words))]
        else:
            return
        for command in made:
            full = replace(command, environment={**environment, **command.environment})
            yield from self._launches(full, _MANIFEST, 0)

    def of_readme(self) -> Iterator[Launch]:
        """What the README runs, and run.sh."""
        names = [path for path in self._tree.files if path.lower().startswith("readme")]
        for name in sorted(names, key=lambda path: (path != "README.md", path))[:_READMES]:
            yield from self._of_file(name, 0)
        if "run.sh" in self._tree.files:
            yield from self._of_file("run.sh", 1)

    def of_claims(self) -> Iterator[Launch]:
        """What submission.json says under a key that names a command."""
        content = self._tree.files.get("submission.json", b"")
        if len(content) > _CLAIMS_BYTES or b"command" not in content:
            return
        try:
            claims = json.loads(content)
        except (ValueError, RecursionError):
            return
        if not isinstance(claims, dict):
            return
        nested = [each for each in claims.values() if isinstance(each, dict)]
        for given in (claims, *nested):
            for key, value in given.items():
                if "command" in key and isinstance(value, str) and self.left > 0:
                    for launch in self._of_text(value, "submission.json", 0):
                        yield replace(launch, told_by="submission.json")

    def of_logs(self) -> Iterator[Launch]:
        """The lines of logs that hold torchrun."""
        for path in self._tree.paths:
            content = self._tree.files.get(path, b"")[:_LOG_BYTES]
            if not path.endswith((".log", ".txt")) or b"torchrun " not in content:
                continue
            lines = content.decode("utf-8", "replace").split("\n")
            for number, line in enumerate(lines, start=1):
                if "torchrun " in line and len(line) < 4000:
                    self.left -= 1
                    if self.left <= 0:
                        return
                    for launch in self._of_text(line[_start(line) :], path, 1):
                        yield replace(launch, told_by=f"{path}:{number}")

    def of_blocks(self) -> Iterator[Launch]:
        """What a README only sets ("Key environment"), for the script that is run anyway."""
        launch = _default(self._tree)
        content = self._tree.files[launch.script]
        for name in (path for path in self._tree.files if path.lower().startswith("readme")):
            for line, environment in blocks_of_assignments(self._tree.text(name) or ""):
                self.left -= len(environment)
                if self.left <= 0:
                    return
                if any(variable.encode() in content for variable in environment):
                    yield replace(launch, environment=environment, told_by=f"{name}:{line}")

    def _of_file(self, path: str, deep: int) -> Iterator[Launch]:
        """The commands of a file, which is read once, however often it is started."""
        if path not in self._scripts:
            text = self._tree.text(path) or ""
            self._scripts[path] = tuple(islice(commands(text), _COMMANDS))
        for command in self._scripts[path]:
            yield from self._launches(command, path, deep)

    def _of_text(self, text: str, name: str, deep: int) -> Iterator[Launch]:
        for command in islice(commands(text), _COMMANDS):
            yield from self._launches(command, name, deep)

    def _launches(self, command: Command, name: str, deep: int) -> Iterator[Launch]:
        self.left -= 1
        if self.left <= 0:
            return
        words = command.words
        start = words[0].rpartition("/")[2]
        if start in ("bash", "sh") or words[0].endswith(".sh"):
            script = next((word for word in words if word.endswith(".sh")), "")
            path = _inside(self._tree, script)
            if path is not None and deep < _SCRIPTS_DEEP:
                for launch in self._of_file(path, deep + 1):
                    environment = {**launch.environment, **command.environment}
                    yield replace(launch, environment=environment)
            return
        at = next((index for index, word in enumerate(words) if word.endswith(".py")), None)
        path = None if at is None else _inside(self._tree, words[at])
        if at is None or path is None:
            return
        yield Launch(
            script=path,
            arguments=words[at + 1 :],
            environment=command.environment,
            unknown=command.unknown,
            processes=_processes(words[:at]),
            told_by=f"{name}:{command.line}",
            command=command.text,
        )


def _start(line: str) -> int:
    """Where the command starts in a log's line: at its first assignment, or at torchrun."""
    before, torchrun, _ = line.partition("torchrun ")
    if not torchrun:
        return 0
    start = len(before)
    for found in reversed([*_WORDS.finditer(before)][-_ASSIGNMENTS:]):
        if found.end() != start or not _ASSIGNS.fullmatch(found[0]):
            break
        start = found.start()
    return start


def _processes(words: Iterable[str]) -> int | None:
    text = " ".join(words)
    found = re.search(r"--?nproc[-_]per[-_]node[= ](\d{1,3})\b", text)
    if found:
        return int(found[1])
    if "torchrun" in text or "torch.distributed" in text:
        return PROCESSES if "nproc" in text else 1
    return None


def _inside(tree: Tree, path: str) -> str | None:
    """A file of the tree that a command means by `path`, None where it means another."""
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    for start in range(min(len(parts), 12)):
        tail = "/".join(parts[start:])
        if tail in tree.files:
            return tail
    return None
