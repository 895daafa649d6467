"""How is every probe run in one backend, and what was seen of it? The story of a check.

1. A root file system as small as can be, and the host's own witnesses.
2. One box a family, another before or beside it where the family says so; one box a bomb.
3. What was seen of each probe goes to its judge.

Must never judge, and never ask a backend for a box that a submission would not get.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from verifier.errors import BoxLost
from verifier.records import Assurance, BoxEnd, BoxSpec, Limits, Mount, Root
from verifier.sandbox import counts, local, names, seccomp, syscalls
from verifier.sandbox.interface import Box, Sandbox
from verifier.sandbox.roots import host_view
from verifier.sandbox.selfcheck import guest, scene, witness
from verifier.sandbox.selfcheck.judging import answer, judged
from verifier.sandbox.selfcheck.probe import (
    Answer,
    Company,
    Evidence,
    Family,
    Left,
    Outcome,
    Probe,
)
from verifier.sandbox.selfcheck.processors import put_first
from verifier.sandbox.selfcheck.witness import Host

LIMITS = Limits(
    wall_seconds=40.0,
    memory_bytes=256 << 20,
    pids=64,
    threads=1,
    temporary_bytes=8 << 20,
    output_bytes=1 << 20,
    output_files=40,
    log_bytes=1 << 20,
)
SYSTEM_PYTHON = Path("/usr/bin/python3")
NOBODYS_NUMBER = 4_194_303
# Boxes of bombs wait more than they work.
AT_ONCE = 3
# A machine that is busy now may not be in a moment.
TIMES = 3


def host_root() -> Root:
    """The interpreter at hand; the system's, which everybody may run, where there is one."""
    python = SYSTEM_PYTHON if SYSTEM_PYTHON.exists() else Path(sys.executable)
    return Root(digest="host", python=str(python), pinned=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one box, before it is dealt out to its probes."""

    end: BoxEnd
    words: dict[str, tuple[bool, dict[str, str] | None]]
    survivors: tuple[str, ...]
    left: tuple[Left, ...]
    leaked: tuple[str, ...]
    changed: tuple[str, ...]
    first: bool


class Check:
    """All probes in one backend."""

    def __init__(self, sandbox: Sandbox, root: Root, host: Host) -> None:
        """`root` is prepared; `host` is there as long as the check."""
        self._sandbox, self._root, self._host = sandbox, root, host
        self._lacking = sandbox.lacking()

    def family(self, family: Family, probes: Sequence[Probe]) -> Iterator[Answer]:
        """What became of `probes`, those of `family` that are wanted."""
        for probe in probes:
            if not self._host.has(probe.needs):
                missing = f"this machine has no {probe.needs} to try it with"
                yield answer(probe, family.name, Outcome.NOT_TRIED, (missing,))
        here = [probe for probe in probes if self._host.has(probe.needs)]
        together = [probe for probe in here if probe.company is Company.FAMILY]
        if together:
            yield from self._together(family, together)
        alone = [probe for probe in here if probe.company is Company.ALONE]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(lambda probe: self._alone(family, probe), alone)
        for probe in here:
            if probe.company is Company.QUIET:
                yield self._repeated(family, probe)

    # ---------------------------------------------------------------- boxes

    def _repeated(self, family: Family, probe: Probe) -> Answer:
        """Until a run tells something, but no more than so many times."""
        for _ in range(TIMES):
            found = self._alone(family, probe)
            if found.outcome is not Outcome.NOT_TRIED:
                break
        return found

    def _alone(self, family: Family, probe: Probe) -> Answer:
        limits = limited(LIMITS, probe.limits)
        idle = counts.machine().idle_seconds
        with scene.place() as place:
            try:
                seen = self._run(place, [probe], limits, family, {"alone": True})
            except BoxLost as fault:
                return answer(probe, family.name, Outcome.BROKE, (f"the box was lost: {fault}",))
        about = Evidence(
            end=seen.end,
            limits=limits,
            said=None,
            idle_seconds=counts.machine().idle_seconds - idle,
            first=seen.first,
        )
        return self._judged(family, [probe], seen, about)[0]

    def _together(self, family: Family, probes: list[Probe]) -> list[Answer]:
        more: dict[str, object] = {"number": secrets.randbelow(1 << 30), "port": scene.free_port()}
        earlier = {"names": "forgotten" if names.forgettable() else "kept"}
        self._host.heard()
        with scene.place() as place, scene.place() as other:
            if not family.first:
                seen = self._run(place, probes, LIMITS, family, more)
            else:
                with self._first(other, place / "in", family, more) as first:
                    more |= {"neighbour": first.number, "neighbour_mark": first.mark}
                    seen = self._run(place, probes, LIMITS, family, more)
                    earlier |= first.said(family)
        about = Evidence(
            end=seen.end,
            limits=LIMITS,
            said=None,
            received=self._host.heard(),
            bystander=self._host.bystander_fared(),
            earlier=earlier,
        )
        return self._judged(family, probes, seen, about)

    @contextlib.contextmanager
    def _first(
        self, place: Path, inputs: Path, family: Family, more: dict[str, object]
    ) -> Iterator[_First]:
        """The box before or beside, of the same inputs: it runs on, or is gone with all it had."""
        mark, token = _mark(), secrets.token_hex(8)
        given = {**self._given(token, family), **more, "beside": family.beside}
        spec = self._spec(
            place, inputs, LIMITS, guest.first_arguments(family.first, given), mark, family
        )
        with contextlib.ExitStack() as stack:
            stack.enter_context(scene.wire(spec.channel))
            box = stack.enter_context(self._sandbox.start(spec))
            scene.until(lambda: (place / "out" / "ready").exists() or box.poll() is not None)
            number = next(iter(scene.running(mark)), NOBODYS_NUMBER)
            if not family.beside:
                box.wait(scene.READY_SECONDS)
                box.kill()
                scene.until(lambda: not scene.running(mark), scene.GONE_SECONDS)
            yield _First(box, mark, token, number)

    def _run(
        self,
        place: Path,
        probes: list[Probe],
        limits: Limits,
        family: Family,
        more: dict[str, object],
    ) -> Seen:
        mark, token = _mark(), secrets.token_hex(8)
        given = {**self._given(token, family), **more}
        spec = self._spec(place, place / "in", limits, guest.arguments(probes, given), mark, family)
        before = scene.looks(place / "in")
        with contextlib.ExitStack() as stack:
            stack.enter_context(scene.wire(spec.channel))
            box = stack.enter_context(self._sandbox.start(spec))
            quiet = any(probe.company is Company.QUIET for probe in probes)
            first = quiet and put_first(box.processes())
            end, members = self._watched(box, place)
        survivors = scene.survivors(mark, members)
        changed = list(self._host.changed())
        if scene.looks(place / "in") != before:
            changed.append("an input")
        left, texts = scene.collected(place / "out")
        secret = self._host.secrets
        leaked = [
            name for name, text in secret.items() if any(text in t for t in (end.log, *texts))
        ]
        words = guest.words(end.log, token)
        return Seen(end, words, survivors, left, tuple(leaked), tuple(changed), first)

    def _watched(self, box: Box, place: Path) -> tuple[BoxEnd, scene.Members]:
        listening = place / "out" / "listening"
        members = scene.Members()
        members.look(box.processes())
        while (end := box.wait(scene.LOOK_SECONDS)) is None:
            members.look(box.processes())
            if listening.exists():
                witness.make_event()
        return end, members

    def _spec(
        self,
        place: Path,
        inputs: Path,
        limits: Limits,
        arguments: tuple[str, ...],
        mark: str,
        family: Family,
    ) -> BoxSpec:
        channel = place / "channel" if family.channel else None
        if channel is not None:
            channel.mkdir(mode=0o755)
        return BoxSpec(
            label=f"self-check {family.name}",
            root=self._root,
            argv=("python", "-I", "-S", "-c", *arguments, mark),
            environment={},
            inputs=(Mount(source=inputs, target="/in"),),
            output=Mount(source=place / "out", target="/out"),
            channel=channel,
            working_folder="/in",
            limits=limits,
        )

    def _given(self, token: str, family: Family) -> dict[str, object]:
        walled = self._sandbox.level >= Assurance.L1
        return {
            **self._host.given(),
            "token": token,
            "alone": False,
            "channel": family.channel,
            "calls": _numbers(),
            "init": not walled,
            "bounding": walled or os.geteuid() == 0,
            "user": local.box_uid(),
            # Only root can give up the groups he has.
            "groups": os.getgroups() if os.geteuid() != 0 else [],
            "root": _shown(self._root),
        }

    # ---------------------------------------------------------------- judges

    def _judged(
        self, family: Family, probes: list[Probe], seen: Seen, about: Evidence
    ) -> list[Answer]:
        """`about` holds what is known of the whole box; what is one probe's is dealt out here."""
        answers = []
        for probe in probes:
            began, said = seen.words.get(probe.id, (False, None))
            evidence = replace(
                about,
                began=began,
                said=said,
                leaked=self._whose(probe, probes, seen),
                survivors=seen.survivors,
                left=seen.left,
                changed=seen.changed,
            )
            if not _may_have(probe, probes, seen):
                evidence = replace(evidence, changed=(), bystander="")
            answers.append(judged(probe, family.name, evidence, self._lacking))
        return answers

    def _whose(self, probe: Probe, probes: list[Probe], seen: Seen) -> tuple[str, ...]:
        """The secrets that this probe told; those that no probe told are told by all."""
        told = {
            other.id: {
                name
                for name, text in self._host.secrets.items()
                if any(
                    text in word
                    for word in ((seen.words.get(other.id) or (0, {}))[1] or {}).values()
                )
            }
            for other in probes
        }
        nobodys = set(seen.leaked) - set[str]().union(*told.values())
        return tuple(sorted(told[probe.id] | nobodys))


@dataclass(frozen=True, slots=True)
class _First:
    box: Box
    mark: str
    token: str
    number: int

    def said(self, family: Family) -> dict[str, str]:
        """What it left, by its own word; nothing when it did not last as long as it should."""
        if family.beside and self.box.poll() is not None:
            return {"tmp": "it did not last"}
        return guest.words(self.box.kill().log, self.token).get("first", (False, None))[1] or {}


def _may_have(probe: Probe, probes: list[Probe], seen: Seen) -> bool:
    """Whether a change is this probe's: it did something, or nobody says that he did."""
    did = {
        other.id
        for other in probes
        if any(
            became.startswith("did")
            for became in ((seen.words.get(other.id) or (False, None))[1] or {}).values()
        )
    }
    return not did or probe.id in did


def _shown(root: Root) -> list[str]:
    """What of a root a backend may mount piece by piece."""
    if root.folder is not None:
        return [f"/{path.name}" for path in root.folder.iterdir()]
    return [str(path) for path in host_view(root).paths]


def _numbers() -> dict[str, int]:
    """Every call of the table by its number here."""
    machine = seccomp.machine()
    tables = syscalls.ALLOWED + syscalls.FILTERED + syscalls.REFUSED
    found = {name: getattr(n, machine) for name, n in syscalls.parse(tables).items()}
    return {name: number for name, number in found.items() if number is not None}


def _mark() -> str:
    return f"golf-verifier-mark-{secrets.token_hex(8)}"


def limited(limits: Limits, changes: Mapping[str, float]) -> Limits:
    """`limits` with some of them changed; all but seconds are whole numbers."""
    known = {name: getattr(limits, name) for name in Limits.__slots__} | dict(changes)
    whole = {name: int(value) for name, value in known.items() if name != "wall_seconds"}
    return Limits(wall_seconds=float(known["wall_seconds"]), **whole)
