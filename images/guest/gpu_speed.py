"""Reference work on every device of a box: how fast is each piece on the slowest of them?

Prints the best wall seconds of each piece as one JSON object, its last line. One process a device;
the sum over all of them is left out where they cannot meet, or where there is only one.

Usage: gpu_speed.py cuda|cpu DEVICES
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as processes

SECONDS = 0.3
LEAST = 5
MEETING_SECONDS = 60
# (side of the square matrices, bytes copied, bytes summed): a few milliseconds each.
SIZES = {"cuda": (8192, 1 << 30, 256 << 20), "cpu": (256, 8 << 20, 1 << 20)}
TYPES = {"cuda": torch.bfloat16, "cpu": torch.float32}
BACKENDS = {"cuda": "nccl", "cpu": "gloo"}


def main(kind: str, devices: int) -> None:
    """Run every piece on every device, one process each, and say the slowest's best times."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(alone, kind, devices, folder)
        if devices > 1:
            try:
                run(together, kind, devices, folder)
            except processes.ProcessRaisedException as fault:
                print(f"no sum over the devices: {fault}", file=sys.stderr)
        found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    slowest: dict[str, float] = {}
    for piece, seconds in (item for each in found for item in each.items()):
        slowest[piece] = max(seconds, slowest.get(piece, 0.0))
    print(json.dumps(slowest))


def run(piece: Callable[..., None], kind: str, devices: int, folder: Path) -> None:
    """`piece` in one process a device, to the end. Raises ProcessRaisedException."""
    processes.spawn(piece, args=(kind, devices, str(folder)), nprocs=devices)


def alone(rank: int, kind: str, _: int, folder: str) -> None:
    """The pieces that need one device."""
    device, (side, copied, _) = chosen(kind, rank), SIZES[kind]
    square = torch.randn(side, side, device=device).to(TYPES[kind])
    source = torch.ones(copied, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    times = {
        "GPU matrix product": best_seconds(lambda: square @ square, kind),
        "GPU memory copy": best_seconds(lambda: target.copy_(source), kind),
    }
    Path(folder, f"alone-{rank}.json").write_text(json.dumps(times))


def together(rank: int, kind: str, devices: int, folder: str) -> None:
    """The sum over all devices: every one does the same number of turns."""
    device = chosen(kind, rank)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    dist.init_process_group(
        BACKENDS[kind], init_method=f"file://{folder}/meeting", rank=rank, world_size=devices
    )
    summed = torch.ones(SIZES[kind][2] // TYPES[kind].itemsize, dtype=TYPES[kind], device=device)
    times = []
    for _ in range(4 * LEAST):
        dist.barrier()
        times.append(seconds_of(lambda: dist.all_reduce(summed), kind))
        summed.fill_(1)
    dist.destroy_process_group()
    Path(folder, f"together-{rank}.json").write_text(json.dumps({"GPU all-reduce": min(times)}))


def chosen(kind: str, rank: int) -> torch.device:
    """This process's device, made the current one."""
    torch.set_num_threads(1)
    if kind == "cpu":
        return torch.device("cpu")
    torch.cuda.set_device(rank)
    return torch.device("cuda", rank)


def best_seconds(piece: Callable[[], object], kind: str) -> float:
    """The shortest time of many in `SECONDS`, once it is warm."""
    seconds_of(piece, kind)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < LEAST or time.perf_counter() - began < SECONDS:
        times.append(seconds_of(piece, kind))
    return min(times)


def seconds_of(piece: Callable[[], object], kind: str) -> float:
    """How long the device was at it."""
    wait(kind)
    start = time.perf_counter()
    piece()
    wait(kind)
    return time.perf_counter() - start


def wait(kind: str) -> None:
    """Until the device has done all that it was given."""
    if kind == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
