"""Does the image for GPUs do what real scripts ask of it? Makes it, and tries it in a box.

`check_cuda_image.py` makes the image `cuda` (gigabytes; from the store if it is there) and runs
`probe_cuda_image.py` in a box of it, without network and without a GPU. Prints digest, bytes,
seconds and what each probe found; ends with 0 only when all of them passed. Needs what makes a
root file system (root and mmdebstrap), and Docker or bubblewrap.

    check_cuda_image.py [--locked] [docker | bubblewrap]

`--locked` asks for exactly the Debian packages of `images/cuda/debs.lock`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from verifier import image, store
from verifier.errors import ImageFault, RequestError, VerifierError
from verifier.records import BoxEnd, BoxSpec, EndedBy, Limits, Mount, Root
from verifier.sandbox import open_sandbox
from verifier.sandbox.interface import Sandbox
from verifier.watch import Progress, Unwatched, Watch

RECIPE = "cuda"
PROBES = Path(__file__).with_name("probe_cuda_image.py")
# Compiling takes its time on two cores; a probe that hangs is ended all the same.
LIMITS = Limits(
    wall_seconds=900.0,
    memory_bytes=6 << 30,
    pids=256,
    threads=2,
    temporary_bytes=1 << 30,
    output_bytes=1 << 20,
    output_files=10,
    log_bytes=1 << 20,
)


class Timed:
    """A watch that prints what each phase took."""

    @contextmanager
    def phase(self, name: str, total: float | None) -> Iterator[Progress]:
        """Print the seconds of the phase when it ends."""
        began = time.monotonic()
        with Unwatched().phase(name, total) as progress:
            yield progress
        print(f"{time.monotonic() - began:8.1f} s  {name}", flush=True)

    def note(self, text: str) -> None:
        """Print it."""
        print(f"note: {text}", flush=True)


def check(backend: str, watch: Watch, *, locked: bool) -> None:
    """Make the image and probe it in a box of `backend`.

    Raises ImageFault when a probe fails, and what building and boxing raise.
    """
    began = time.monotonic()
    root, facts = image.build(RECIPE, store.root(), locked=locked, watch=watch)
    if root.tar is None:
        raise ImageFault("no root file system was made", remedy="run as root, with mmdebstrap")
    print(f"digest {root.digest}")
    print(f"bytes {root.tar.stat().st_size}, packages {len(facts.packages)}")
    print(f"seconds {time.monotonic() - began:.1f} to make or find it", flush=True)
    sandbox = open_sandbox(backend)
    with watch.phase(f"make it ready in {sandbox.name}", None):
        sandbox.prepare(root)
    end = probed(root, sandbox)
    print(end.log.strip())
    print(f"seconds {end.wall_seconds[1]:.1f} in the box, exit code {end.exit_code}")
    if end.ended_by is not EndedBy.ITSELF or end.exit_code != 0:
        raise ImageFault(f"image {root.digest[:12]}: a probe failed ({end.ended_by})")


def probed(root: Root, sandbox: Sandbox) -> BoxEnd:
    """Run the probes in one box and wait for its end."""
    spec = BoxSpec(
        label="probe the image",
        root=root,
        argv=(root.python, "-I", "/probes/probes.py"),
        environment={"OMP_NUM_THREADS": str(LIMITS.threads)},
        inputs=(Mount(source=PROBES, target="/probes/probes.py"),),
        output=None,
        channel=None,
        working_folder="/tmp",
        limits=LIMITS,
    )
    with sandbox.start(spec) as box:
        end = box.wait()
    if end is None:
        raise ImageFault("the box never ended")
    return end


def main(arguments: list[str]) -> None:
    """Do what the arguments ask."""
    locked = "--locked" in arguments
    match [word for word in arguments if word != "--locked"]:
        case []:
            check("docker", Timed(), locked=locked)
        case [("docker" | "bubblewrap") as backend]:
            check(backend, Timed(), locked=locked)
        case _:
            raise RequestError("these arguments make no sense", remedy="[--locked] [BACKEND]")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except VerifierError as fault:
        sys.exit(str(fault))
