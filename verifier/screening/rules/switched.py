"""Does the README name something that the command leaves off? Then it is read as if it were on.

Some submissions have neither a command nor logs that say how they were run. What shows only so is
a question for a person, never more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

from verifier.screening.finding import Confidence, Remark
from verifier.screening.rules.claimed_run import function_of, left_out
from verifier.screening.rules.evidence_of import beginning
from verifier.screening.story import Story, read_story
from verifier.source import titles
from verifier.source.program import Program
from verifier.source.tree import Tree

Reading = Callable[[Program, Tree, Story], Iterator[Remark]]

_ASKED = re.compile(r"environ\.get\(|getenv\(")
_OFF = re.compile(r"[\"']([A-Z][A-Z0-9_]{2,60})[\"'],\s{0,3}[\"']?(?:0|False|false|off)[\"']?\)")
_CHARACTERS = 20_000


def told(program: Program, tree: Tree, read: Reading) -> Iterator[Remark]:
    """What a reading finds under the command, and what else with the README's switches on."""
    seen: set[str] = set()
    for remark in read(program, tree, read_story(program)):
        seen.add(remark.rule)
        yield _as_run(program, tree, remark)
    switches = named_switches(program, tree)
    if not switches:
        return
    names = ", ".join(sorted(switches))
    for remark in read(program, tree, read_story(program, switches)):
        if remark.rule not in seen and remark.confidence is not Confidence.NOTE:
            said = (
                f"With {names} on, which the README names and the command leaves off: {remark.said}"
            )
            yield replace(remark, confidence=Confidence.REVIEW, said=said)


def _as_run(program: Program, tree: Tree, remark: Remark) -> Remark:
    """A remark about what the claimed run's logs do not show running is a note."""
    if remark.confidence is Confidence.NOTE or not remark.locations:
        return remark
    function = function_of(program, remark.locations[0])
    if function is None or not left_out(program, function, tree):
        return remark
    said = f"{remark.said.rstrip('.')}; the logs do not show it running."
    return replace(remark, confidence=Confidence.NOTE, said=said)


def named_switches(program: Program, tree: Tree) -> frozenset[str]:
    """The variables that turn something on, are off, and are on in README or title."""
    title = titles.title(tree)
    readme = beginning(tree, "README.md", _CHARACTERS)
    set_by_command = program.launch.environment
    return frozenset(
        name
        for name in _off(program)
        if name not in set_by_command and (f"{name}=1" in readme or titles.names(title, name))
    )


@lru_cache(maxsize=2)
def _off(program: Program) -> frozenset[str]:
    """The environment variables of a program whose default is off."""
    found = {
        setting.variable for setting in program.settings.values() if setting.value in (False, "0")
    }
    for unit in program.units:
        for asked in _ASKED.split(unit.text)[1:]:
            off = _OFF.match(asked)
            if off is not None:
                found.add(off.group(1))
    return frozenset(found - {""})
