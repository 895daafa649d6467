"""Which test notices each mutant? Runs in the mutated tree: `python -m tests.mutants.judging JOB`.

1. pytest collects the room's tests once.
2. All tests run once without a fault: they must pass, and show which functions each test enters.
   Functions that run while tests are collected, or for a fixture of the session, are *shared*:
   what they made stays.
3. For each mutant a fork of this process runs the tests that enter its function, the one that
   noticed it last time first, then by duration, until one fails.
4. A mutant of a shared function that nobody noticed is tried in a process of its own.

A test has ten times the processor time that it took in 2. and two seconds more. Must never take
the end of a fork by anything but the tests' own success for a survivor.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

from tests.mutants.keeping import Judged, keep, noticed_in

SPARE_SECONDS = 2
TIMES_AS_LONG = 10
WALL_SECONDS = 60
SPARE_BYTES = 4 << 30
KILLED, SURVIVED = 1, 0

OPTIONS = ["-q", "-s", "--tb=native", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist"]
OPTIONS += ["-o", "timeout=0", "-m", "not slow and not docker and not gpu"]


@dataclass
class Running:
    """One fork at work; `reads` gives the name of the test that noticed."""

    mutant: dict[str, str]
    reads: int
    began: float
    wall_seconds: float
    late: bool = False


class SameExamples:
    """A pytest plugin: hypothesis tries the same for every mutant."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Before test modules are imported. No search for the smallest example: any is enough."""
        hypothesis.settings.register_profile(
            "mutants",
            hypothesis.settings.get_profile("shared"),
            derandomize=True,
            database=None,
            phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
            report_multiple_bugs=False,
        )
        hypothesis.settings.load_profile("mutants")


@dataclass(eq=False)
class Judge:
    """A pytest plugin; `job` says what is to be judged (see `__main__`)."""

    job: dict[str, Any]
    failed: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    enters: dict[str, list[pytest.Item]] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Any:
        if fixturedef.scope != "session":
            return (yield)
        before = set(state()._stats)
        state()._stats.clear()
        try:
            return (yield)
        finally:
            self.shared |= state()._stats
            state()._stats.update(before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Failed("the room's tests cannot be collected")
        self.shared |= state()._stats
        self.run_clean(session.items)
        if not self.failed:
            judge_all(self)
        return True

    def run_clean(self, items: list[pytest.Item]) -> None:
        """2."""
        for at, item in enumerate(items):
            state()._stats.clear()
            began = time.process_time()
            then = items[at + 1] if at + 1 < len(items) else _least_related(item, items)
            self.run(item, then)
            self.seconds[item.nodeid] = max(self.seconds[item.nodeid], time.process_time() - began)
            for function in state()._stats:
                self.enters.setdefault(function, []).append(item)
        for entered in self.enters.values():
            entered.sort(key=lambda item: self.seconds[item.nodeid])

    def run(self, item: pytest.Item, then: pytest.Item | None) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=then)


def _least_related(item: pytest.Item, items: list[pytest.Item]) -> pytest.Item:
    """After which all is torn down but what every item shares: fixtures of the session."""
    chain = item.listchain()
    return min(items, key=lambda other: sum(node in chain for node in other.listchain()))


def judge_all(judge: Judge) -> None:
    """3. and 4., `workers` at a time: what nobody noticed yet first, the cheapest first."""
    set_mutant_under_test("")
    caches = [each for each in gc.get_objects() if _remembers(each)]
    running: dict[int, Running] = {}
    todo = judge.job["mutants"]
    todo.sort(key=lambda each: (bool(each["by"]), _cost(judge, each)))
    gc.freeze()
    sys.stdout.flush()
    try:
        for mutant in todo:
            while len(running) >= judge.job["workers"]:
                _collect(judge, running)
            tests = judge.enters.get(mutant["covers"], [])
            if tests or mutant["covers"] in judge.shared:
                _start(judge, running, mutant, tests, caches)
            else:
                _keep(judge, mutant, "uncovered", "", 0.0)
        while running:
            _collect(judge, running)
    finally:
        for pid in running:
            os.killpg(pid, signal.SIGKILL)


def _remembers(thing: object) -> bool:
    """What a cached function of ours found without a fault must not stand for what it finds."""
    ours = str(getattr(thing, "__module__", "")).startswith(("verifier", "tests"))
    return isinstance(thing, functools._lru_cache_wrapper) and ours


def _cost(judge: Judge, mutant: dict[str, str]) -> float:
    tests = judge.enters.get(mutant["covers"], [])
    return sum(judge.seconds[item.nodeid] for item in tests)


def _start(
    judge: Judge,
    running: dict[int, Running],
    mutant: dict[str, str],
    tests: list[pytest.Item],
    caches: list[Any],
) -> None:
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            os.close(reads)
            os.set_inheritable(writes, False)
            os._exit(_tried(judge, mutant, tests, caches, writes))
        except BaseException as error:  # noqa: BLE001  a fork never runs the parent's code
            os.write(writes, f"{type(error).__name__} outside of any test".encode())
        finally:
            os._exit(KILLED)
    os.setpgid(pid, pid)
    os.close(writes)
    alone = sum(judge.seconds.values()) if mutant["covers"] in judge.shared else 0
    wall = WALL_SECONDS + TIMES_AS_LONG * (_cost(judge, mutant) + alone)
    running[pid] = Running(mutant, reads, time.monotonic(), wall)


def _tried(
    judge: Judge, mutant: dict[str, str], tests: list[pytest.Item], caches: list[Any], writes: int
) -> int:
    """In the fork: KILLED or SURVIVED."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for cache in caches:
        cache.cache_clear()
    set_mutant_under_test(mutant["name"])
    memory = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (memory + SPARE_BYTES, memory + SPARE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    ordered = sorted(tests, key=lambda item: item.nodeid != mutant["by"])
    judge.failed = []
    for at, item in enumerate(ordered):
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        most = used + SPARE_SECONDS + TIMES_AS_LONG * judge.seconds[item.nodeid]
        resource.setrlimit(resource.RLIMIT_CPU, (int(most) + 1, resource.RLIM_INFINITY))
        judge.run(item, ordered[at + 1] if at + 1 < len(ordered) else None)
        if judge.failed:
            os.write(writes, item.nodeid.encode())
            return KILLED
    if mutant["covers"] in judge.shared:
        os.write(writes, b"a process of its own")
        alone = [sys.executable, "-m", "tests.mutants.judging", "--alone", *judge.job["tests"]]
        resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return KILLED if subprocess.run(alone, check=False).returncode else SURVIVED
    return SURVIVED


def _collect(judge: Judge, running: dict[int, Running]) -> None:
    """Wait until one fork has ended, ending those that are late."""
    while True:
        for pid, one in list(running.items()):
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                _take(judge, running, pid, os.waitstatus_to_exitcode(status), usage)
                return
            if time.monotonic() - one.began > one.wall_seconds and not one.late:
                one.late = True
                os.killpg(pid, signal.SIGKILL)
        time.sleep(0.004)


def _take(
    judge: Judge, running: dict[int, Running], pid: int, code: int, usage: resource.struct_rusage
) -> None:
    one = running.pop(pid)
    by = os.read(one.reads, 1 << 16).decode()
    os.close(one.reads)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    seconds = usage.ru_utime + usage.ru_stime
    if one.late or -code in {signal.SIGXCPU, signal.SIGKILL}:
        _keep(judge, one.mutant, "timeout", "", seconds)
    elif code == SURVIVED:
        _keep(judge, one.mutant, "survived", "", seconds)
    else:
        _keep(judge, one.mutant, "killed", by or f"ended with {code}", seconds)


def _keep(judge: Judge, mutant: dict[str, str], answer: str, by: str, seconds: float) -> None:
    digests = judge.job["digests"][mutant["file"]]
    judged = digests[noticed_in(by, digests)]
    verdict = Judged(mutant["key"], judged, answer, by, round(seconds, 3))
    keep(Path(judge.job["results"]), verdict)


def main(arguments: list[str]) -> int:
    """Judge a job, or with --alone run the tests under the mutant that the environment names."""
    if arguments[0] == "--alone":
        return int(pytest.main(["-x", *OPTIONS, *arguments[1:]], plugins=[SameExamples()]))
    job = json.loads(Path(arguments[0]).read_text())
    set_mutant_under_test("stats")
    return int(pytest.main([*OPTIONS, *job["tests"]], plugins=[SameExamples(), Judge(job)]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
