"""What runs in the box around a probe? Text that is sent there, and how its words are read here.

The driver runs each probe in a process of its own, gives it `attempt` and `call`, and prints one
line a probe behind a token that only this run knows. Whatever else is printed is no word of it; a
line twice, or one that is no record, spoils the probe. Must never run here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from verifier.sandbox.selfcheck.probe import Probe

DRIVER = '''
import base64, ctypes, errno, json, os, signal, socket, stat, struct, sys, time
given = json.loads(base64.urlsafe_b64decode(sys.argv[1]))
probes = PROBES
libc = ctypes.CDLL(None, use_errno=True)
said = {}

def note(what, became):
    said[str(what)[:60]] = str(became)[:120]

def attempt(what, action, *arguments):
    """Do it; note that it was done, or the error's name."""
    try:
        got = action(*arguments)
    except OSError as fault:
        note(what, errno.errorcode.get(fault.errno, type(fault).__name__))
    except Exception as fault:
        note(what, f"{type(fault).__name__}: {fault}")
    else:
        note(what, "did" if got is None else f"did: {got!r}")

def call(name, *arguments):
    """One call of the kernel by name. OSError as the kernel says."""
    number = given["calls"].get(name)
    if number is None:
        raise OSError(errno.ENOSYS, "this architecture has none")
    return raw(number, *arguments)

def raw(number, *arguments):
    ctypes.set_errno(0)
    passed = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    passed += [ctypes.c_long(0)] * (6 - len(passed))
    result = libc.syscall(ctypes.c_long(number), *passed)
    if result == -1 and ctypes.get_errno():
        raise OSError(ctypes.get_errno(), "")
    return result

def ask(name, *arguments):
    attempt(name, call, name, *arguments)

def command(pid):
    try:
        return open(f"/proc/{pid}/cmdline", "rb").read()
    except OSError:
        return b""

def outside(pid):
    """A number of the host's; one that nobody has where it happens to be one of ours."""
    return 4_194_303 if command(pid) and command(pid) == command("self") else pid

def tell(**record):
    # What was printed on the other stream before may have had no end of line.
    os.write(1, ("\\n" + given["token"] + json.dumps(record) + "\\n").encode())

def run(probe, source):
    tell(probe=probe, began=True)
    exec(compile(source, probe, "exec"), globals())
    tell(probe=probe, said=said)

for probe, source in probes:
    if given["alone"]:
        run(probe, source)
        break
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(8)
            run(probe, source)
        except BaseException as fault:
            sys.stderr.write(f"{probe}: {type(fault).__name__}: {fault}\\n")
            sys.stderr.flush()
        os._exit(0)
    os.waitpid(child, 0)
'''


def arguments(probes: Iterable[Probe], given: Mapping[str, Any]) -> tuple[str, ...]:
    """The command's arguments after the interpreter.

    What is given is sent in letters that no backend takes for paths. The probes' own sources are
    part of the text, for paths in them are the box's.
    """
    sources = "".join(f"    ({probe.id!r}, {probe.source!r}),\n" for probe in probes)
    return (_driver(sources), _encoded(dict(given)))


def first_arguments(source: str, given: Mapping[str, Any]) -> tuple[str, ...]:
    """The same for the box that is there before or beside them."""
    return (_driver(f"    ('first', {source!r}),\n"), _encoded({**given, "alone": True}))


def _driver(sources: str) -> str:
    return DRIVER.replace("probes = PROBES", f"probes = [\n{sources}]")


def _encoded(given: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(given).encode()).decode()


def words(log: str, token: str) -> dict[str, tuple[bool, dict[str, str] | None]]:
    """Per probe: whether it began, and what it said when it was through; None when it was not."""
    found: dict[str, tuple[bool, dict[str, str] | None]] = {}
    spoilt: set[str] = set()
    for line in log.splitlines():
        if not line.startswith(token):
            continue
        record = _record(line.removeprefix(token))
        if record is None:
            continue
        probe, said = record
        began, before = found.get(probe, (False, None))
        if (said is None and began) or (said is not None and (before is not None or not began)):
            spoilt.add(probe)
        found[probe] = (True, said if said is not None else before)
    return {probe: (began, None if probe in spoilt else s) for probe, (began, s) in found.items()}


def _record(text: str) -> tuple[str, dict[str, str] | None] | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("probe"), str):
        return None
    said = record.get("said")
    if said is None:
        return (record["probe"], None) if record.get("began") is True else None
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        return None
    return record["probe"], said
