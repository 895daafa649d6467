"""What does NVML show while processes with known behaviour use the GPU? Records it, judges nothing.

    python tools/record_nvml.py FOLDER [--gpu 0] [--hertz 20]

Needs an NVIDIA GPU, nvidia-ml-py and torch. For every scenario it writes
FOLDER/<scenario>.jsonl.gz: first a `machine` line, then, in the order of time, `poll` lines (what
NVML answered, with the host's monotonic clock before and after) and `event` lines (what a process
says it did, on the same clock). FOLDER/costs.json holds how late NVML shows a context and what
polling costs a training step.

The recordings are test data for the judges of traces, which must never need a GPU.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pynvml

Record = dict[str, Any]

WORKER = r"""
import json, sys, time
def say(what, **more):
    print(json.dumps({"event": what, "at": time.monotonic(), **more}), flush=True)
say("started")
import torch
say("imported")
plan = sys.argv[1].split(",")
x = None
for step in plan:
    name, _, amount = step.partition(":")
    if name == "context":
        torch.cuda.init(); x = torch.zeros(1, device="cuda"); torch.cuda.synchronize()
        say("context")
    elif name == "hold":
        time.sleep(float(amount)); say("held")
    elif name == "busy":
        a = torch.randn(4096, 4096, device="cuda", dtype=torch.bfloat16)
        end = time.monotonic() + float(amount); steps = 0
        say("first kernel")
        while time.monotonic() < end:
            for _ in range(8): b = a @ a
            torch.cuda.synchronize(); steps += 1
        say("last kernel", steps=steps)
    elif name == "steps":
        m = torch.nn.Sequential(*[torch.nn.Linear(2048, 2048) for _ in range(8)]).cuda()
        o = torch.optim.AdamW(m.parameters()); d = torch.randn(8192, 2048, device="cuda")
        took = []
        for _ in range(int(amount)):
            t = time.perf_counter()
            with torch.autocast("cuda", torch.bfloat16): l = m(d).square().mean()
            l.backward(); o.step(); o.zero_grad(); torch.cuda.synchronize()
            took.append(time.perf_counter() - t)
        say("steps", seconds=took)
    elif name == "memory":
        y = torch.zeros(int(amount) << 20, dtype=torch.uint8, device="cuda")
        torch.cuda.synchronize(); say("memory", mebibytes=int(amount))
    elif name == "wait":
        sys.stdin.readline(); say("told")
say("leaving")
"""


def asked(call: Callable[..., Any], *arguments: Any) -> Any:
    """What NVML answers, or {"error": its code}: an old driver's missing function is data too."""
    try:
        return call(*arguments)
    except pynvml.NVMLError as wrong:
        return {"error": wrong.value}


def plain(answer: Any) -> Any:
    """An NVML answer as JSON."""
    if isinstance(answer, bytes):
        return answer.decode("utf-8", "replace")
    if hasattr(answer, "_fields_"):
        return {name: plain(getattr(answer, name)) for name, *_ in answer._fields_}
    if type(answer).__module__ == "pynvml":  # its "friendly" copy of a C structure
        return {name: plain(value) for name, value in vars(answer).items()}
    if hasattr(answer, "__len__") and not isinstance(answer, str | dict):
        return [plain(each) for each in answer]
    return answer


def machine(device: Any) -> Record:
    """What does not change while a recording lasts."""
    n = pynvml
    return {
        "kind": "machine",
        "driver": plain(asked(n.nvmlSystemGetDriverVersion)),
        "nvml": plain(asked(n.nvmlSystemGetNVMLVersion)),
        "cuda": asked(n.nvmlSystemGetCudaDriverVersion_v2),
        "name": plain(asked(n.nvmlDeviceGetName, device)),
        "gpus": asked(n.nvmlDeviceGetCount),
        "mig": plain(asked(n.nvmlDeviceGetMigMode, device)),
        "persistence": asked(n.nvmlDeviceGetPersistenceMode, device),
        "compute_mode": asked(n.nvmlDeviceGetComputeMode, device),
        "power_limit_mw": asked(n.nvmlDeviceGetEnforcedPowerLimit, device),
        "memory_bytes": asked(lambda: n.nvmlDeviceGetMemoryInfo(device).total),
        "max_sm_mhz": asked(n.nvmlDeviceGetMaxClockInfo, device, n.NVML_CLOCK_SM),
        "ecc": plain(asked(n.nvmlDeviceGetEccMode, device)),
        "remapped_rows": plain(asked(n.nvmlDeviceGetRemappedRows, device)),
        "retired_pages_pending": asked(n.nvmlDeviceGetRetiredPagesPendingStatus, device),
        "accounting": asked(n.nvmlDeviceGetAccountingMode, device),
    }


def poll(device: Any, since_us: int) -> Record:
    """One look at the device."""
    n = pynvml
    before = time.monotonic()
    seen = {
        "contexts": plain(asked(n.nvmlDeviceGetComputeRunningProcesses_v3, device)),
        "mps_contexts": plain(asked(n.nvmlDeviceGetMPSComputeRunningProcesses_v3, device)),
        "utilization": plain(asked(n.nvmlDeviceGetUtilizationRates, device)),
        "process_utilization": plain(asked(n.nvmlDeviceGetProcessUtilization, device, since_us)),
        "memory_used": asked(lambda: n.nvmlDeviceGetMemoryInfo(device).used),
        "energy_mj": asked(n.nvmlDeviceGetTotalEnergyConsumption, device),
        "power_mw": asked(n.nvmlDeviceGetPowerUsage, device),
        "sm_mhz": asked(n.nvmlDeviceGetClockInfo, device, n.NVML_CLOCK_SM),
        "memory_mhz": asked(n.nvmlDeviceGetClockInfo, device, n.NVML_CLOCK_MEM),
        "celsius": asked(n.nvmlDeviceGetTemperature, device, n.NVML_TEMPERATURE_GPU),
        "throttle_reasons": asked(n.nvmlDeviceGetCurrentClocksThrottleReasons, device),
        "violation_power": plain(
            asked(n.nvmlDeviceGetViolationStatus, device, n.NVML_PERF_POLICY_POWER)
        ),
        "violation_thermal": plain(
            asked(n.nvmlDeviceGetViolationStatus, device, n.NVML_PERF_POLICY_THERMAL)
        ),
        "ecc_corrected": asked(
            n.nvmlDeviceGetTotalEccErrors,
            device,
            n.NVML_MEMORY_ERROR_TYPE_CORRECTED,
            n.NVML_VOLATILE_ECC,
        ),
        "ecc_uncorrected": asked(
            n.nvmlDeviceGetTotalEccErrors,
            device,
            n.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
            n.NVML_VOLATILE_ECC,
        ),
    }
    return {"kind": "poll", "at": before, "until": time.monotonic(), **seen}


class Recording:
    """Polls in a thread and collects what processes say, until it is closed."""

    def __init__(self, device: Any, hertz: float) -> None:
        self.device, self.hertz = device, hertz
        self.records: list[Record] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._polling, daemon=True)

    def _polling(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            since = int((time.time() - 2) * 1e6)  # noqa: TID251 - NVML's own clock is the wall's
            self.records.append(poll(self.device, since))
            due += 1 / self.hertz
            self._stop.wait(max(0.0, due - time.monotonic()))

    def note(self, event: str, **more: Any) -> None:
        self.records.append({"kind": "event", "event": event, "at": time.monotonic(), **more})

    def worker(self, plan: str) -> subprocess.Popen[str]:
        """A process that does `plan` and says so on the recording's clock."""
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, plan],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.note("spawned", pid=process.pid, plan=plan)
        threading.Thread(target=self._listening, args=(process,), daemon=True).start()
        return process

    def _listening(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.records.append({"kind": "event", "pid": process.pid, **json.loads(line)})

    def wait(self, process: subprocess.Popen[str]) -> None:
        process.wait()
        self.note("reaped", pid=process.pid, code=process.returncode)

    def __enter__(self) -> Recording:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(1.0)
        self._stop.set()
        self._thread.join()


def idle(r: Recording) -> None:
    time.sleep(4)


def one_process(r: Recording) -> None:
    r.wait(r.worker("hold:0.5,context,hold:1,busy:4,hold:1"))


def two_processes(r: Recording) -> None:
    first, second = r.worker("context,busy:6"), r.worker("context,busy:6")
    r.wait(first)
    r.wait(second)


def foreign_process(r: Recording) -> None:
    mine = r.worker("context,busy:8")
    time.sleep(6)
    r.wait(r.worker("context,busy:2"))
    r.wait(mine)


def killed(r: Recording) -> None:
    process = r.worker("context,busy:60")
    time.sleep(8)
    process.send_signal(signal.SIGKILL)
    r.note("killed", pid=process.pid)
    r.wait(process)


def outlives(r: Recording) -> None:
    """A context that is held, idle, after the work has ended."""
    r.wait(r.worker("context,busy:3,hold:5"))


def context_again(r: Recording) -> None:
    for _ in range(3):
        r.wait(r.worker("context,busy:1"))


def grows(r: Recording) -> None:
    r.wait(r.worker("context,memory:4096,hold:1,memory:16384,busy:2"))


SCENARIOS: dict[str, Callable[[Recording], None]] = {
    "idle": idle,
    "one_process": one_process,
    "two_processes": two_processes,
    "foreign_process": foreign_process,
    "killed": killed,
    "outlives": outlives,
    "context_again": context_again,
    "grows": grows,
}


@contextmanager
def closed(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def shows(device: Any, pid: int) -> bool:
    """Whether NVML lists a context of process `pid` now."""
    return any(each.pid == pid for each in pynvml.nvmlDeviceGetComputeRunningProcesses_v3(device))


def moment(wanted: Callable[[], bool], at_most: float) -> float | None:
    """When `wanted` first held, looked at every millisecond; None after `at_most` seconds."""
    end = time.monotonic() + at_most
    while time.monotonic() < end:
        if wanted():
            return time.monotonic()
        time.sleep(0.001)
    return None


def lateness(device: Any, times: int) -> list[Record]:
    """How long after a process has its context, or is gone, NVML says so; polled without rest."""
    return [one_lateness(device) for _ in range(times)]


def one_lateness(device: Any) -> Record:
    command = [sys.executable, "-c", WORKER, "hold:0.2,context,wait"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with closed(subprocess.Popen(command, text=True, **pipes)) as worker:
        shown: list[float | None] = []
        looking = threading.Thread(
            target=lambda: shown.append(moment(lambda: shows(device, worker.pid), 60.0))
        )
        looking.start()
        events: dict[str, float] = {}
        while "context" not in events:
            event = json.loads(worker.stdout.readline())
            events[event["event"]] = event["at"]
        looking.join()
        worker.kill()
        killed_at = time.monotonic()
        worker.wait()
        reaped_at = time.monotonic()
        gone = moment(lambda: not shows(device, worker.pid), 5.0)
        first = shown[0]
        return {
            "shown_before_context_ready_s": None if first is None else events["context"] - first,
            "shown_after_import_s": None if first is None else first - events["held"],
            "gone_after_kill_s": None if gone is None else gone - killed_at,
            "gone_after_reaped_s": None if gone is None else gone - reaped_at,
        }


def polling_cost(device: Any, rounds: int) -> Record:
    """Median seconds of a training step, polled at each rate, interleaved."""
    rates = (0.0, 10.0, 20.0, 100.0)
    medians: dict[float, list[float]] = {rate: [] for rate in rates}
    for _ in range(rounds):
        for rate in rates:
            recording = Recording(device, rate or 1.0)
            process = recording.worker("context,steps:400")
            if rate:
                with recording:
                    process.wait()
            else:
                process.wait()
                time.sleep(0.2)
            took = next(r["seconds"] for r in recording.records if r.get("event") == "steps")
            medians[rate].append(statistics.median(took[100:]))
    base = statistics.median(medians[0.0])
    return {
        "step_seconds_unpolled": base,
        "ratio_by_hertz": {
            str(rate): statistics.median(medians[rate]) / base for rate in rates[1:]
        },
        "all": {str(rate): values for rate, values in medians.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--hertz", type=float, default=20.0)
    parser.add_argument("--only", nargs="*", default=list(SCENARIOS))
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    pynvml.nvmlInit()
    device = pynvml.nvmlDeviceGetHandleByIndex(chosen.gpu)
    for name in chosen.only:
        with Recording(device, chosen.hertz) as recording:
            SCENARIOS[name](recording)
        records = [machine(device), *sorted(recording.records, key=lambda r: r["at"])]
        with gzip.open(chosen.folder / f"{name}.jsonl.gz", "wt") as file:
            for record in records:
                file.write(json.dumps({"kind": "event", **record}) + "\n")
        print(f"{name} · {len(records)} records", flush=True)
    polls = [poll(device, 0) for _ in range(200)]
    costs = {
        "machine": machine(device),
        "poll_seconds": statistics.median(p["until"] - p["at"] for p in polls),
        "lateness": lateness(device, 8),
        "training": polling_cost(device, 7),
        "python": sys.version.split()[0],
        "pid_namespace": os.readlink("/proc/self/ns/pid"),
    }
    (chosen.folder / "costs.json").write_text(json.dumps(costs, indent=1) + "\n")
    print(json.dumps(costs["training"]["ratio_by_hertz"]), flush=True)


if __name__ == "__main__":
    main()
