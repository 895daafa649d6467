"""What does NVML say of one GPU, now? Every answer as JSON, every refusal as its error code.

A call may be missing (an old driver), unsupported (the card) or fail (the driver was restarted, the
GPU is gone). Then the answer is {"error": code} and never a zero. Must never judge an answer, nor
raise for what a driver says.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import pynvml as n

Answers = dict[str, Any]
Question = Callable[[Any], Any]

GONE = frozenset(
    {
        n.NVML_ERROR_UNINITIALIZED,
        n.NVML_ERROR_DRIVER_NOT_LOADED,
        n.NVML_ERROR_GPU_IS_LOST,
        n.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
    }
)
"""Answers after which no handle is good: the driver went away, or a GPU did."""
EVENTS_AT_ONCE = 64
XID = n.nvmlEventTypeXidCriticalError


def plain(answer: Any) -> Any:
    """An NVML answer as JSON."""
    if isinstance(answer, bytes):
        return answer.decode("utf-8", "replace")
    if hasattr(answer, "_fields_"):
        return {name: plain(getattr(answer, name)) for name, *_ in answer._fields_}
    if type(answer).__module__ == n.__name__:  # its "friendly" copy of a C structure
        return {name: plain(value) for name, value in vars(answer).items()}
    if isinstance(answer, list | tuple | ctypes.Array):
        return [plain(each) for each in answer]
    return answer


def asked(call: Callable[..., Any], *arguments: Any) -> Any:
    """What NVML answers, or {"error": its code}."""
    try:
        return plain(call(*arguments))
    except n.NVMLError as wrong:
        return {"error": wrong.value}


FACTS: Mapping[str, Question] = {
    "name": n.nvmlDeviceGetName,
    "uuid": n.nvmlDeviceGetUUID,
    "mig": n.nvmlDeviceGetMigMode,
    "persistence": n.nvmlDeviceGetPersistenceMode,
    "compute_mode": n.nvmlDeviceGetComputeMode,
    "power_limit_mw": n.nvmlDeviceGetEnforcedPowerLimit,
    "power_default_mw": n.nvmlDeviceGetPowerManagementDefaultLimit,
    "memory_bytes": lambda gpu: n.nvmlDeviceGetMemoryInfo(gpu).total,
    "max_sm_mhz": lambda gpu: n.nvmlDeviceGetMaxClockInfo(gpu, n.NVML_CLOCK_SM),
    "ecc": n.nvmlDeviceGetEccMode,
}
"""What does not change while a box runs, and is asked once for each connection."""

QUICK: Mapping[str, Question] = {
    "contexts": n.nvmlDeviceGetComputeRunningProcesses_v3,
    "utilization": n.nvmlDeviceGetUtilizationRates,
    "memory_used": lambda gpu: n.nvmlDeviceGetMemoryInfo(gpu).used,
    "energy_mj": n.nvmlDeviceGetTotalEnergyConsumption,
    "throttle_reasons": n.nvmlDeviceGetCurrentClocksThrottleReasons,
}
"""Asked at every look."""


def _violation(policy: int) -> Question:
    return lambda gpu: n.nvmlDeviceGetViolationStatus(gpu, policy)


def _ecc(kind: int) -> Question:
    return lambda gpu: n.nvmlDeviceGetTotalEccErrors(gpu, kind, n.NVML_VOLATILE_ECC)


SLOW: Mapping[str, Question] = {
    "mps_contexts": n.nvmlDeviceGetMPSComputeRunningProcesses_v3,
    "mig": n.nvmlDeviceGetMigMode,
    "power_mw": n.nvmlDeviceGetPowerUsage,
    "power_limit_mw": n.nvmlDeviceGetEnforcedPowerLimit,
    "sm_mhz": lambda gpu: n.nvmlDeviceGetClockInfo(gpu, n.NVML_CLOCK_SM),
    "memory_mhz": lambda gpu: n.nvmlDeviceGetClockInfo(gpu, n.NVML_CLOCK_MEM),
    "celsius": lambda gpu: n.nvmlDeviceGetTemperature(gpu, n.NVML_TEMPERATURE_GPU),
    "violation_power": _violation(n.NVML_PERF_POLICY_POWER),
    "violation_thermal": _violation(n.NVML_PERF_POLICY_THERMAL),
    "ecc_corrected": _ecc(n.NVML_MEMORY_ERROR_TYPE_CORRECTED),
    "ecc_uncorrected": _ecc(n.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
    "remapped_rows": n.nvmlDeviceGetRemappedRows,
}
"""Counters and modes: asked at some looks, for they tell the same a second later."""


class Driver:
    """A connection to NVML for the GPUs of one run, made anew when the driver comes back."""

    def __init__(self, gpus: tuple[str, ...]) -> None:
        """`gpus` are indices or UUIDs, as an engine is given them. Connects nothing yet."""
        self.gpus = gpus
        self._handles: dict[str, Any] = {}
        self._events: Any = None
        self._events_error: int | None = None
        self._connected = False

    def connect(self) -> int | None:
        """Load and initialise NVML and find the GPUs; the error's code where that fails."""
        self.close()
        try:
            n.nvmlInit()
            self._connected = True
            self._handles = {gpu: _handle(gpu) for gpu in self.gpus}
        except n.NVMLError as wrong:
            self.close()
            return int(wrong.value)
        self._listen()
        return None

    def close(self) -> None:
        """Give the connection back. Idempotent."""
        with contextlib.suppress(n.NVMLError):
            if self._events is not None:
                n.nvmlEventSetFree(self._events)
        with contextlib.suppress(n.NVMLError):
            if self._connected:
                n.nvmlShutdown()
        self._events, self._connected, self._handles = None, False, {}

    def system(self) -> Answers:
        """The driver's versions and how many GPUs it knows, the run's or not."""
        return {
            "driver": asked(n.nvmlSystemGetDriverVersion),
            "nvml": asked(n.nvmlSystemGetNVMLVersion),
            "cuda": asked(n.nvmlSystemGetCudaDriverVersion_v2),
            "gpus": asked(n.nvmlDeviceGetCount),
        }

    def facts(self, gpu: str) -> Answers:
        """What does not change about one GPU; `events` is whether Xids will be told of."""
        answers = {name: asked(ask, self._handles[gpu]) for name, ask in FACTS.items()}
        told = "told" if self._events_error is None else {"error": self._events_error}
        return {**answers, "events": told}

    def answers(self, gpu: str, questions: Mapping[str, Question]) -> Answers:
        """One GPU's answers; each is {"error": code} where there is none."""
        handle = self._handles[gpu]
        return {name: asked(ask, handle) for name, ask in questions.items()}

    def xids(self) -> list[tuple[str, int]]:
        """(GPU, code) of the Xids since the last call; "" for a GPU that cannot be told."""
        found: list[tuple[str, int]] = []
        while self._events is not None and len(found) < EVENTS_AT_ONCE:
            try:
                event = n.nvmlEventSetWait_v2(self._events, 0)
            except n.NVMLError:
                break  # a time-out: nothing more was told
            if event.eventType == XID:
                found.append((self._named(event.device), int(event.eventData)))
        return found

    def _named(self, device: Any) -> str:
        where = _address(device)
        return next((gpu for gpu, each in self._handles.items() if _address(each) == where), "")

    def _listen(self) -> None:
        """Be told of Xids from now on, where the driver tells."""
        self._events_error = None
        try:
            self._events = n.nvmlEventSetCreate()
            for handle in self._handles.values():
                n.nvmlDeviceRegisterEvents(handle, XID, self._events)
        except n.NVMLError as wrong:
            self._events_error = int(wrong.value)


def is_gone(answers: Mapping[str, Any]) -> int | None:
    """The error that says that the connection is no good any more, or None."""
    for answer in answers.values():
        if isinstance(answer, dict) and answer.get("error") in GONE:
            return int(answer["error"])
    return None


def _handle(gpu: str) -> Any:
    if gpu.isdecimal():
        return n.nvmlDeviceGetHandleByIndex(int(gpu))
    return n.nvmlDeviceGetHandleByUUID(gpu)


def _address(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value
