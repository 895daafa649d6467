"""What is fuzzed of all that strangers hand over: manifests, policies, ledgers, bundles, git.

As in `targets.py`, a target raises where a promise is broken.
"""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.attacks.archives import plain
from tests.attacks.forging import sealed, with_root
from tests.audits import evidence as make
from tests.fuzz.guests import scratch
from verifier import bundle, installed
from verifier import policy as policies
from verifier.audits.gputrace import GpuTrace, Unreadable, read_trace
from verifier.bundle.tarball import BUNDLE
from verifier.errors import BadPolicy, BadSubmission, BrokenInvariant, RequestError
from verifier.image import recipe
from verifier.image.requirements import _lacking
from verifier.ledger import Ledger
from verifier.pipeline.rechecking.arithmetic import recomputed
from verifier.pipeline.rechecking.findings import Forged
from verifier.records import Verdict
from verifier.scoring.plan import plan, plan_digest
from verifier.submission.ancestry import parsed
from verifier.submission.archive import unpack
from verifier.submission.changes import parsed_tree
from verifier.submission.claims import parse_claims
from verifier.submission.manifest import Manifest, read_manifest
from verifier.submission.tokenizer import reserialised
from verifier.submission.walk import Bounds
from verifier.verdict import decide

BOUNDS = Bounds(files=20, total_bytes=1 << 20)


def manifest(data: bytes) -> None:
    """Any verify.yaml is a manifest, or a fault with its file."""
    try:
        read = read_manifest(data)
    except BadSubmission as fault:
        assert fault.file == "verify.yaml"
        str(fault).encode("utf-8", "surrogatepass")
        return
    if isinstance(read, Manifest):
        assert 0 < read.rows <= 65_536 and 0 < read.chunk <= 1_048_576
    else:
        assert all(len(str(value)) < 65_536 for value in read.environment.values())


def claimed(data: bytes) -> None:
    """Any submission.json is a claim within its bounds, or a fault with its file."""
    try:
        read = parse_claims(data)
    except BadSubmission as fault:
        assert fault.file == "submission.json"
        return
    assert read.name and read.author and (read.val_bpb is None or 0 < read.val_bpb <= 64)


def policy(data: bytes) -> None:
    """Any policy file is a policy, or a fault with file and line."""
    try:
        read = policies.parse(data, "p.yaml")
    except BadPolicy as fault:
        assert fault.file == "p.yaml"
        return
    assert read.digest == hashlib.sha256(data).hexdigest()


def requirements(data: bytes) -> None:
    """Any requirements.txt names what is lacking, or is refused with its line."""
    try:
        lacking = _lacking(_image(), data)
    except BadSubmission as fault:
        assert fault.file == "requirements.txt"
        return
    assert all(wanted.url is None for wanted in lacking)


@cache
def _image() -> recipe.Recipe:
    return recipe.load("cpu")


def tokenizer(data: bytes) -> None:
    """A tokenizer file is its pieces, which stay the same when read again, or is refused."""
    try:
        once = reserialised(data, "m.model")
    except BadSubmission as fault:
        assert fault.file == "m.model"
        return
    assert reserialised(once, "m.model") == once
    assert len(once) <= 2 * len(data)


def trace(data: bytes) -> None:
    """Any recorded trace of NVML is read, or is said to be none."""
    import gzip

    for packed in (data, gzip.compress(data, 1)):
        read = read_trace(np.frombuffer(packed, np.uint8))
        assert isinstance(read, GpuTrace | Unreadable)
        if isinstance(read, GpuTrace):
            for gpu in read.gpus.values():
                assert all(look.at <= look.until for look in gpu.looks)
                gpu.told("utilization", 0.0, 1e9)


def objects(data: bytes) -> None:
    """Any tree or commit of git has names and ids, or is none."""
    for name, leaf in parsed_tree(data, 20):
        assert b"\0" not in name and len(leaf.id) <= 40
    commit = parsed("0" * 40, data)
    if commit is not None:
        assert commit.subject.isprintable() and commit.author.isprintable()
        assert 0 <= commit.authored < 10**11 and 0 <= commit.committed < 10**11


def tarball(data: bytes) -> None:
    """A submitted tarball is unpacked within its bounds, or refused; nothing leaves the folder."""
    place = scratch() / "tarball"
    place.mkdir()
    try:
        (place / "given").write_bytes(data)
        unpack(place / "given", place / "in", BOUNDS)
    except BadSubmission as fault:
        assert fault.file.endswith("given")
    finally:
        _check_inside(place, {"given", "in"})


def bundled(data: bytes) -> None:
    """A bundle is unpacked if it is one, or refused; the second half is sealed as ours are."""
    place = scratch() / "bundled"
    place.mkdir()
    try:
        given = place / "given"
        if data[:1] < b"\x80":
            given.write_bytes(data[1:])
        else:
            sealed(given, data[1:] if data[:1] < b"\xc0" else plain({}, first=data[1:]))
        names = bundle.unpack(given, place / "in", dataclasses.replace(BUNDLE, total_bytes=1 << 20))
        assert all((place / "in" / name).is_file() for name in names)
    except RequestError as fault:
        assert "given" in str(fault)
    finally:
        _check_inside(place, {"given", "in"})


def _check_inside(place: Path, allowed: set[str]) -> None:
    """Nothing but what may be there lies in `place`, no link among it; then it is taken away."""
    there = {path.name for path in place.iterdir()}
    links = [path for path in place.rglob("*") if path.is_symlink()]
    shutil.rmtree(place)
    assert there <= allowed and not links


# ---------------------------------------------------------------- a ledger whose hashes are right

_INTEGERS = (0, -1, 1, 2, 65_537, 2**31, 2**53 + 1, 2**63, 10**30, -(10**30))
_FLOATS = (0.0, -1.0, 1e-320, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), 0.5)
_WORDS = ("", "0", "x" * 300, "\ud800", "\x1b[2J", "ff" * 32, "scorer/1", "script/1", "../..")


def _filled(array: np.ndarray, *, most: bool) -> np.ndarray:
    """The array with the greatest value of its type everywhere, or the least; NaN for floats."""
    if array.dtype.kind not in "iu":
        return np.full_like(array, np.inf if most else np.nan)
    bounds = np.iinfo(array.dtype)
    return np.full_like(array, bounds.max if most else bounds.min)


_ARRAYS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda array: array[:0],
    lambda array: array[:-1],
    lambda array: np.concatenate((array, array)),
    np.zeros_like,
    lambda array: -array,
    lambda array: array[::-1].copy(),
    lambda array: _filled(array, most=True),
    lambda array: _filled(array, most=False),
)


def ledger(data: bytes) -> None:
    """A ledger that says the absurd under right hashes is decided again, or is a forgery."""
    events = list(_honest())
    for at in range(0, min(len(data), 24) - 3, 4):
        place = data[at] % len(events)
        events[place] = changed(events[place], data[at + 1 : at + 4])
    folder = scratch() / "ledger"
    try:
        if not _written(folder, events):
            return
        again = recomputed(Ledger.open(folder))
        assert again.verdict == again.ledger.find(Verdict)[0]
    except (RequestError, Forged) as refused:
        assert str(refused)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _written(folder: Path, events: Sequence[Any]) -> bool:
    """Write them with their verdict; False where no ledger can hold them."""
    events = with_root(list(events))
    with Ledger.create(folder) as written:
        written.write_policy(_text())
        try:
            for event in events:
                written.append(event)
        except (BrokenInvariant, OverflowError):
            return False
        written.append(_verdict(written))
    return True


def _verdict(written: Ledger) -> Verdict:
    """What follows; where nothing can, what would follow from the honest run."""
    try:
        return decide(written.evidence(), make.local())
    except Exception:  # noqa: BLE001 - whatever deciding does, rechecking must know beforehand
        return decide(make.evidence(), make.local())


@cache
def _text() -> bytes:
    return (installed.path("policies") / "local_cpu.yaml").read_bytes()


@cache
def _honest() -> tuple[Any, ...]:
    """The events of a run that is VERIFIED."""
    made = make.evidence()
    (seed,) = made.seeds
    opening = dataclasses.replace(made.opening, policy_digest=hashlib.sha256(_text()).hexdigest())
    terms = opening.submission.scorer
    assert terms and seed.training and seed.weighing and seed.scoring and made.nonce
    batches = plan(made.held_out.target_counts.tolist(), terms.rows, terms.adaptation)
    planned = plan_digest(batches, terms.chunk, terms.adaptation)
    scored = dataclasses.replace(seed.scoring, plan_digest=planned)
    before = (opening, made.held_out, *made.boxes, seed.training, seed.weighing, *seed.secrecy)
    return (*before, scored, made.nonce, seed.replay)


def changed(record: Any, step: bytes) -> Any:
    """The record with one value in it, which the first two bytes choose, replaced by another."""
    places = list(_places(record, ()))
    return _with(record, places[int.from_bytes(step[:2], "little") % len(places)], step[2])


def _places(value: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _places(getattr(value, field.name), (*at, field.name))
        return
    yield at
    inside: Sequence[Any] = ()
    if isinstance(value, tuple):
        inside = range(len(value))
    elif isinstance(value, Mapping):
        inside = list(value)
    for key in inside:
        yield from _places(value[key], (*at, key))


def _with(value: Any, at: tuple[Any, ...], chosen: int) -> Any:
    if not at:
        return _other(value, chosen)
    key, rest = at[0], at[1:]
    if dataclasses.is_dataclass(value):
        return dataclasses.replace(value, **{key: _with(getattr(value, key), rest, chosen)})  # type: ignore[type-var]
    if isinstance(value, tuple):
        return (*value[:key], _with(value[key], rest, chosen), *value[key + 1 :])
    return {**value, key: _with(value[key], rest, chosen)}


def _other(value: Any, chosen: int) -> Any:
    """Another value of its kind, as far as it has one."""
    if isinstance(value, np.ndarray):
        return _ARRAYS[chosen % len(_ARRAYS)](value)
    among: Sequence[Any] = (0, -1, 1.5, "", (), {})
    match value:
        case Enum():
            among = list(type(value))
        case bool():
            among = (not value,)
        case int():
            among = _INTEGERS
        case float():
            among = _FLOATS
        case str():
            among = _WORDS
        case tuple():
            among = (value[:-1], (), (*value, *value), None)
        case Mapping():
            among = ({}, {"\ud800": 10**30}, {"x": float(chosen)}, None)
    return among[chosen % len(among)]


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "manifest": manifest,
    "claimed": claimed,
    "policy": policy,
    "requirements": requirements,
    "tokenizer": tokenizer,
    "trace": trace,
    "objects": objects,
    "tarball": tarball,
    "bundle": bundled,
    "ledger": ledger,
}
