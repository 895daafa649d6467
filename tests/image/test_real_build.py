"""The image for CPUs, made for real: mmdebstrap, the Debian archive, pip and boxes.

Nothing here is a fake. Needs what makes a root file system, and the network.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from verifier import image
from verifier.image import base
from verifier.records import BoxSpec, EndedBy, Limits, Mount, Root
from verifier.sandbox import BACKENDS

LIMITS = Limits(
    wall_seconds=120.0,
    memory_bytes=2 << 30,
    pids=64,
    threads=1,
    temporary_bytes=16 << 20,
    output_bytes=1 << 20,
    output_files=10,
    log_bytes=1 << 20,
)
TRIED = """
import json, os, pathlib, sys
import numpy, sentencepiece, torch
roots = [pathlib.Path(place) for place in ("/usr", "/etc", "/var", "/opt")]
print("tried:", json.dumps({
    "versions": [torch.__version__, numpy.__version__, sentencepiece.__version__],
    "python": sys.version.split()[0],
    "computes": float((torch.ones(3, 4) @ torch.ones(4, 2)).sum()),
    "pyc": [str(path) for root in roots for path in root.rglob("*.pyc")],
    "cached": torch.__cached__,
}))
"""


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two empty stores."""
    if base.way() is None:
        pytest.skip(f"no root file system can be made here: {base.why_not()}")
    return tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")


@pytest.fixture(scope="module")
def root(stores: tuple[Path, Path]) -> Root:
    """The image, made in the first store."""
    return image.build("cpu", stores[0], locked=False)[0]


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.timeout(1800)
def test_two_cold_builds_are_one_image_and_the_third_is_found(
    stores: tuple[Path, Path], root: Root
) -> None:
    """One digest from two empty stores; a cache hit takes less than two seconds."""
    second, facts = image.build("cpu", stores[1], locked=False)
    assert second.digest == root.digest == facts.root_digest
    assert second.tar != root.tar
    assert second.folder is not None
    assert not [name for name in base.MACHINES_OWN if (second.folder / name).exists()]
    began = time.monotonic()
    assert image.build("cpu", stores[1], locked=False) == (second, facts)
    assert time.monotonic() - began < 2.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "backend", [pytest.param("docker", marks=pytest.mark.docker), "bubblewrap"]
)
@pytest.mark.timeout(1800)
def test_its_python_has_what_the_lock_says_and_nothing_compiled(
    root: Root, stores: tuple[Path, Path], backend: str
) -> None:
    """In a box without network, read-only, as nobody; with modules compiled beside it."""
    sandbox = BACKENDS[backend]()
    compiled = image.bytecode(root, sandbox, stores[0])
    assert compiled is not None
    spec = BoxSpec(
        label="try the image",
        root=root,
        argv=(root.python, "-c", TRIED),
        environment={"PYTHONPYCACHEPREFIX": "/bytecode", "OMP_NUM_THREADS": "1"},
        inputs=(Mount(source=compiled, target="/bytecode"),),
        output=None,
        channel=None,
        working_folder="/",
        limits=LIMITS,
    )
    with sandbox.start(spec) as box:
        end = box.wait()
    assert end is not None
    assert (end.ended_by, end.exit_code) == (EndedBy.ITSELF, 0), end.log
    found = image.find("cpu", stores[0])
    assert found is not None
    packages = found[1].packages
    assert json.loads(end.log.partition("tried: ")[2]) == {
        "versions": [packages[name] for name in ("torch", "numpy", "sentencepiece")],
        "python": found[1].python,
        "computes": 24.0,
        "pyc": [],
        "cached": "/bytecode/usr/local/lib/python3.11/dist-packages/torch/__init__.cpython-311.pyc",
    }
    cached = compiled / "usr/local/lib/python3.11/dist-packages/torch/__init__.cpython-311.pyc"
    assert cached.is_file()
