"""The image for shadow runs, made for real and tried in a box as a real script would use it.

Nothing here is a fake. Needs what makes a root file system, and the network.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.image import shadow_probes
from verifier import image
from verifier.image import base
from verifier.records import BoxSpec, EndedBy, Limits, Mount
from verifier.sandbox import BACKENDS

LIMITS = Limits(
    wall_seconds=300.0,
    memory_bytes=3 << 30,
    pids=64,
    threads=2,
    temporary_bytes=64 << 20,
    output_bytes=1 << 20,
    output_files=10,
    log_bytes=1 << 20,
)


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.timeout(1800)
def test_real_scripts_find_what_they_import_and_call(tmp_path: Path) -> None:
    """Modules, packers, a C compiler and triton's interpreter, read-only and without network."""
    if base.way() is None:
        pytest.skip(f"no root file system can be made here: {base.why_not()}")
    root, facts = image.build("shadow", tmp_path, locked=False)
    sandbox = BACKENDS["docker"]()
    compiled = image.bytecode(root, sandbox, tmp_path)
    assert compiled is not None
    spec = BoxSpec(
        label="probe the image",
        root=root,
        argv=(root.python, "/probes/probes.py"),
        environment={"PYTHONPYCACHEPREFIX": "/bytecode", "OMP_NUM_THREADS": "2"},
        inputs=(
            Mount(source=compiled, target="/bytecode"),
            Mount(source=Path(shadow_probes.__file__), target="/probes/probes.py"),
        ),
        output=None,
        channel=None,
        working_folder="/tmp",
        limits=LIMITS,
    )
    with sandbox.start(spec) as box:
        end = box.wait()
    assert end is not None
    assert (end.ended_by, end.exit_code) == (EndedBy.ITSELF, 0), end.log
    found = json.loads(end.log.partition("found: ")[2])
    assert set(found.pop("imports")) == set(shadow_probes.MODULES)
    assert found == {
        "python": facts.python,
        "versions": {name: facts.packages[name] for name in shadow_probes.MODULES.values()},
        "kernel": [1037.265625, 127.5],
        "compiled": 10.0,
        "packed": ["brotli", "lrzip", "zstd"],
        "newer": True,
        "merged": [256, 32, 97],
        "compilers": ["gcc"],
    }
