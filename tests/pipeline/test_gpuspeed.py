"""Reference work on the GPUs of a run: in its own box, told by the slowest, failing nothing."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, cast

import pytest

from tests.sandbox.conftest import opened
from verifier import image, store
from verifier import policy as policies
from verifier.errors import BoxNotAsAsked
from verifier.pipeline import gpuspeed
from verifier.pipeline.grounds import Ground
from verifier.records import BoxEnd, BoxSpec, EndedBy, Root
from verifier.sandbox import gpus

CPU_POLICY = policies.load("local_cpu").policy
GPU_POLICY = policies.load("track_10min_16mb").policy
PIECES = {"GPU matrix product", "GPU memory copy"}
HOST = Root(digest="host", python="python3", pinned=False)


class Played:
    """A sandbox whose boxes end as told; what was asked of it is kept."""

    def __init__(self, end: BoxEnd | None = None) -> None:
        self.asked: list[BoxSpec] = []
        self._end = end

    def start(self, spec: BoxSpec) -> Played:
        self.asked.append(spec)
        if self._end is None:
            raise BoxNotAsAsked("speed: this machine has no such GPU")
        return self

    def wait(self) -> BoxEnd | None:
        return self._end

    def __enter__(self) -> Played:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def ended(log: str, exit_code: int = 0) -> BoxEnd:
    """A box that printed that."""
    return BoxEnd(
        ended_by=EndedBy.ITSELF,
        exit_code=exit_code,
        wall_seconds=(1.0, 1.1),
        cpu_seconds=None,
        memory_peak_bytes=None,
        log=log,
        attempts=(),
    )


def ground(sandbox: object, root: Root = HOST) -> Ground:
    """As far as a probe needs one."""
    return cast(Ground, types.SimpleNamespace(sandbox=sandbox, root=root))


@pytest.mark.docker
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["docker", pytest.param("bubblewrap", marks=pytest.mark.slow)])
def test_every_piece_is_timed_in_a_box_and_the_sum_where_there_are_several(
    name: str, tmp_path: Path
) -> None:
    """The same program with processors in the place of GPUs: one meets nobody, two sum."""
    sandbox = opened(name)
    if (reason := image.why_none()) is not None:
        pytest.skip(f"no image can be made here: {reason}")
    root, _ = image.build("cpu", store.root(), locked=False)
    sandbox.prepare(root)
    one = gpuspeed._ran(ground(sandbox, root), ("cpu", "1"), (), tmp_path)
    assert set(one) == PIECES
    two = gpuspeed._ran(ground(sandbox, root), ("cpu", "2"), (), tmp_path)
    assert set(two) == {*PIECES, "GPU all-reduce"}
    assert all(0 < seconds < 5 for seconds in (*one.values(), *two.values()))


def test_a_policy_without_gpus_starts_no_box(tmp_path: Path) -> None:
    """There is nothing to probe."""
    sandbox = Played(ended("{}\n"))
    assert gpuspeed.probe(ground(sandbox), CPU_POLICY, tmp_path) == {}
    assert sandbox.asked == []


def test_the_box_gets_the_gpus_of_the_run_and_nothing_of_a_submission(tmp_path: Path) -> None:
    """All of them, as training gets them; our program is its one input."""
    sandbox = Played(ended('a warning\n{"GPU memory copy": 0.5}\n'))
    assert gpuspeed.probe(ground(sandbox), GPU_POLICY, tmp_path) == {"GPU memory copy": 0.5}
    (spec,) = sandbox.asked
    assert spec.gpus == gpus.chosen(GPU_POLICY.hardware.gpus)
    assert spec.argv[2:] == ("cuda", str(GPU_POLICY.hardware.gpus))
    assert [
        (mount.target, sorted(path.name for path in mount.source.iterdir()))
        for mount in spec.inputs
    ] == [("/speed", ["gpu_speed.py"])]
    assert spec.output is None and spec.environment == {}


@pytest.mark.parametrize(
    "log",
    ["", "{}", "no JSON\n", "[1]\n", '{"a": "b"}\n', '{"a": null}\n', '{"a": 0}\n{"a": Infinity}\n',
     '{"a": 1.0}\nand more\n', "[" * 100_000 + "\n"],
)  # fmt: skip
def test_what_is_no_time_is_left_out(log: str, tmp_path: Path) -> None:
    """Nothing is known then, and nothing fails."""
    assert gpuspeed.probe(ground(Played(ended(log))), GPU_POLICY, tmp_path) == {}


def test_gpus_that_cannot_be_probed_are_not(tmp_path: Path) -> None:
    """A box that could not be made, failed, or was ended."""
    figures = '{"GPU memory copy": 0.5}\n'
    sandboxes: list[Any] = [Played(), Played(ended(figures, exit_code=1))]
    for sandbox in sandboxes:
        assert gpuspeed.probe(ground(sandbox), GPU_POLICY, tmp_path) == {}
        assert len(sandbox.asked) == 1
