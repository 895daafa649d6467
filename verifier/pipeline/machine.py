"""What is this machine? Its processor and GPUs in words, for the ledger.

Must never judge whether it is the one that the limits are meant for: `audits/` does.
"""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path

import pynvml


def hardware() -> dict[str, str]:
    """`cpu`, `cores`, `kernel`, `gpus` (how many) and, where there are any, `gpu` (their model)."""
    models = gpu_models()
    found = {
        "cpu": processor(),
        "cores": str(os.cpu_count() or 0),
        "kernel": platform.release(),
        "gpus": str(len(models)),
    }
    if models:
        found["gpu"] = ", ".join(sorted(set(models)))
    return found


def gpu_models() -> tuple[str, ...]:
    """The model of each GPU that the driver knows; none without a driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return tuple(str(pynvml.nvmlDeviceGetName(handle)) for handle in handles)
    finally:
        pynvml.nvmlShutdown()


def gpu_driver() -> str:
    """The version of the GPU's driver; "" without one."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ""
    try:
        return str(pynvml.nvmlSystemGetDriverVersion())
    finally:
        pynvml.nvmlShutdown()


def processor() -> str:
    """The model of the processor, as the kernel names it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
