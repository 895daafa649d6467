"""What a script sees where it expects a GPU: the CPU under CUDA's names.

Every tensor lives in main memory; a device of type cuda is taken for the CPU wherever it is named.
Compiling returns what it was given, inference mode is no_grad (what it makes may be trained on
later, as after a real compile), streams and events do nothing, memory queries say little.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

CPU = torch.device("cpu")
GIGABYTE = 1 << 30


def is_cuda(named: object) -> bool:
    """Whether an argument names a CUDA device."""
    if isinstance(named, str):
        return named == "cuda" or named.startswith("cuda:")
    return isinstance(named, _Device) and named.type == "cuda"


_Device = torch.device


class _Devices(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Device)


class Device(metaclass=_Devices):
    """`torch.device`, which makes a CPU of every GPU."""

    def __new__(cls, *named: Any, **keywords: Any) -> Any:
        kind = named[0] if named else keywords.get("type", keywords.get("device", "cpu"))
        if isinstance(kind, int) or is_cuda(kind):
            return CPU
        return _Device(*named, **keywords)


def _moved(value: Any) -> Any:
    return CPU if is_cuda(value) else value


class OnTheCpu(TorchFunctionMode):
    """Reads `device=cuda` as the CPU in every call of torch, and drops pinning of memory."""

    def __torch_function__(
        self, function: Any, types_: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if kwargs:
            if "device" in kwargs:
                kwargs = {**kwargs, "device": _moved(kwargs["device"])}
            if kwargs.get("pin_memory"):
                kwargs = {**kwargs, "pin_memory": False}
        if function in _MOVING:
            args = tuple(_moved(each) for each in args)
            if function is torch.Tensor.cuda:
                return args[0]
        elif function is torch.Tensor.pin_memory:
            return args[0]
        return function(*args, **kwargs)


_MOVING = {torch.Tensor.to, torch.Tensor.cuda, torch.Tensor.new_tensor}


class Quiet:
    """A stream, an event or a graph: anything may be asked of it, nothing comes of it."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None: ...

    def elapsed_time(self, _: object) -> float:
        """Milliseconds between two events."""
        return 1.0

    def query(self) -> bool:
        """Everything has been done already."""
        return True

    def __call__(self, given: Any = None, *_: Any, **__: Any) -> Any:
        return given

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: Quiet()


class Properties:
    """What one card of the competition says of itself."""

    name = "NVIDIA H100 80GB HBM3"
    major, minor = 9, 0
    total_memory = 80 * GIGABYTE
    multi_processor_count = 132
    warp_size = 32
    max_threads_per_multi_processor = 2048
    regs_per_multiprocessor = 65536
    shared_memory_per_block_optin = 232448
    L2_cache_size = 50 << 20


def _cuda(ranks: int) -> dict[str, Any]:
    nothing = functools.partial(_nothing)
    quiet = {
        name: nothing
        for name in (
            "synchronize", "set_device", "empty_cache", "manual_seed", "manual_seed_all",
            "reset_peak_memory_stats", "reset_max_memory_allocated", "init", "ipc_collect",
            "set_stream", "set_per_process_memory_fraction", "reset_accumulated_memory_stats",
            "set_sync_debug_mode", "seed", "seed_all", "cudart",
        )
    }  # fmt: skip
    memory = ("memory_allocated", "max_memory_allocated", "memory_reserved", "max_memory_reserved")
    return {
        **quiet,
        **{name: lambda *_, **__: GIGABYTE for name in memory},
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "is_bf16_supported": lambda *_, **__: True,
        "device_count": lambda: max(1, ranks),
        "current_device": lambda: 0,
        "get_device_name": lambda *_: Properties.name,
        "get_device_properties": lambda *_: Properties(),
        "get_device_capability": lambda *_: (9, 0),
        "mem_get_info": lambda *_: (70 * GIGABYTE, 80 * GIGABYTE),
        "memory_stats": lambda *_, **__: {},
        "memory_summary": lambda *_, **__: "",
        "current_stream": lambda *_: Quiet(),
        "default_stream": lambda *_: Quiet(),
        "stream": lambda *_: contextlib.nullcontext(),
        "device": lambda *_: contextlib.nullcontext(),
        "Stream": Quiet,
        "Event": Quiet,
        "CUDAGraph": Quiet,
        "graph": lambda *_, **__: contextlib.nullcontext(),
        "get_rng_state": lambda *_: torch.get_rng_state(),
        "set_rng_state": lambda state, *_: torch.set_rng_state(state),
        "get_rng_state_all": lambda: [torch.get_rng_state()],
        "set_rng_state_all": lambda states: torch.set_rng_state(states[0]),
    }


def _nothing(*_: Any, **__: Any) -> None: ...


def _as_given(model: Any = None, *_: Any, **__: Any) -> Any:
    """`torch.compile`: as a call and as a decorator with arguments."""
    return (lambda given: given) if model is None else model


class Autocast(torch.amp.autocast_mode.autocast):
    """Autocast of the CPU, whatever device was named."""

    def __init__(self, device_type: Any = "cpu", *args: Any, **keywords: Any) -> None:
        if not isinstance(device_type, str):
            args, device_type = (device_type, *args), "cpu"
        keywords.pop("cache_enabled", None)
        super().__init__("cpu", *args, **keywords)


class NoGrad(torch.no_grad):
    """Inference mode: nothing is recorded, and what is made may be trained on later."""

    def __init__(self, mode: Any = True) -> None:
        super().__init__()
        self.mode = mode

    def __new__(cls, mode: Any = True) -> Any:
        if callable(mode):
            return torch.no_grad()(mode)
        return super().__new__(cls)

    def __enter__(self) -> None:
        self.before = torch.is_grad_enabled()
        torch.set_grad_enabled(not self.mode if self.mode in (True, False) else False)

    def __exit__(self, *_: object) -> None:
        torch.set_grad_enabled(self.before)


def _fused(optimiser: type) -> Callable[..., None]:
    made = optimiser.__init__

    @functools.wraps(made)
    def init(self: Any, *args: Any, **keywords: Any) -> None:
        for name in ("fused", "capturable"):
            if name in keywords:
                keywords[name] = False
        made(self, *args, **keywords)

    return init


def install(ranks: int) -> None:
    """Put the CPU in CUDA's place, for the rest of this process."""
    for name, value in _cuda(ranks).items():
        setattr(torch.cuda, name, value)
    torch.device = Device
    torch.compile = _as_given
    torch.inference_mode = NoGrad
    torch.autocast = Autocast
    torch.amp.autocast = Autocast
    torch.cuda.amp.autocast = lambda *args, **keywords: Autocast("cpu", *args, **keywords)
    torch.Tensor.cuda = lambda self, *_, **__: self
    torch.Tensor.is_cuda = property(lambda self: True)
    torch.Tensor.pin_memory = lambda self, *_, **__: self
    torch.nn.Module.cuda = lambda self, *_, **__: self
    for name in ("Adam", "AdamW", "SGD", "RMSprop", "Adagrad"):
        optimiser = getattr(torch.optim, name)
        optimiser.__init__ = _fused(optimiser)
    for name in ("enable_cudnn_sdp", "enable_flash_sdp", "enable_math_sdp",
                 "enable_mem_efficient_sdp"):  # fmt: skip
        setattr(torch.backends.cuda, name, _nothing)
    _distributed()
    _dynamo()
    _load()
    everywhere(OnTheCpu)


def _distributed() -> None:
    from torch import distributed

    begin = distributed.init_process_group

    def on_gloo(backend: Any = None, *args: Any, **keywords: Any) -> Any:
        keywords.pop("device_id", None)
        return begin("gloo", *args, **keywords)

    distributed.init_process_group = on_gloo
    wrapped = torch.nn.parallel.DistributedDataParallel.__init__

    def on_cpu(self: Any, module: Any, device_ids: Any = None, **keywords: Any) -> None:
        keywords.pop("output_device", None)
        wrapped(self, module, **keywords)

    torch.nn.parallel.DistributedDataParallel.__init__ = on_cpu


class _Compiler(types.ModuleType):
    """A compiler that is asked for nothing: importing the real one takes seconds."""

    disable = allow_in_graph = graph_break = staticmethod(_as_given)
    is_compiling = staticmethod(lambda: False)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Quiet()


def _dynamo() -> None:
    fake = _Compiler("torch._dynamo")
    fake.config = Quiet()
    fake.utils = types.SimpleNamespace(get_optimize_ddp_mode=lambda: "no_optimization")
    for name in ("", ".config", ".utils"):
        sys.modules[f"torch._dynamo{name}"] = getattr(fake, name[1:]) if name else fake
    torch._dynamo = fake


def _load() -> None:
    load = torch.load

    @functools.wraps(load)
    def loaded(*args: Any, **keywords: Any) -> Any:
        # Most scripts load what they have just saved, and were written when any object could be.
        keywords.setdefault("weights_only", False)
        return load(*args, **keywords)

    torch.load = loaded


def everywhere(mode: Callable[[], TorchFunctionMode]) -> None:
    """Enter a mode in this thread and in every one that is started; a mode is a thread's own."""
    mode().__enter__()
    begin = threading.Thread._bootstrap_inner

    def begun(self: threading.Thread) -> None:
        with mode():
            begin(self)

    threading.Thread._bootstrap_inner = begun
