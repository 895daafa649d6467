"""What do the names of the libraries mean to data? Sets of names; decides nothing.

Only what changes where data goes is listed: every other call passes on what its arguments carry.
"""

from __future__ import annotations

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SIZES: Final = _words(
    """numel size shape dim ndim dtype device nelement element_size itemsize nbytes tell qsize stat
    getsize is_cuda is_floating_point memory_allocated max_memory_allocated max_memory_reserved
    is_initialized is_available get_rank get_world_size exists is_file"""
)
"""What they return says nothing about the data itself."""

POSITIONS: Final = _words("nonzero argwhere flatnonzero argsort searchsorted")
"""What they return are places in the data, not the data."""

VIEWS: Final = _words(
    """to cuda cpu float double half bfloat16 long int short bool contiguous view view_as reshape
    flatten squeeze unsqueeze expand expand_as transpose permute swapaxes t T mT detach data
    requires_grad_ train eval numpy type type_as astype pin_memory parameters named_parameters
    modules named_modules children named_children buffers named_buffers get_parameter
    get_submodule module share_memory_ split chunk unbind narrow ravel weight bias __enter__
    resolve absolute compile state"""
)
"""What they return shares memory with what they are asked of."""

INNER: Final = _words("items values keys get pop popleft popitem setdefault")
"""What they return is something that a container holds."""

SNAPSHOTS: Final = _words("clone copy deepcopy")
"""What they return is like what they are asked of, and keeps no memory with it."""

PUTS: Final = _words(
    """append appendleft extend add insert put put_nowait update push setdefault add_param_group
    add_module register_buffer register_parameter"""
)

COUNTS: Final = _words("scatter_add_ index_add_ index_put_ put_ scatter_reduce_")
"""In-place methods that add at the places a key names."""

WHOLE: Final = _words("copy_ zero_ fill_ normal_ uniform_ set_ data_")
"""In-place methods after which nothing is left of what was there."""

NEXT: Final = _words("next __next__ next_batch get_batch take read draw sample recv")
"""Methods whose answer changes from call to call."""

HOOKS: Final = _words(
    """register_forward_hook register_forward_pre_hook register_module_forward_hook"""
)

TENSORS: Final = _words(
    """zeros ones empty full tensor zeros_like ones_like empty_like full_like as_tensor Parameter
    new_zeros new_ones new_empty new_full array asarray from_numpy frombuffer"""
)
DRAWS: Final = _words(
    """rand randn randint randperm rand_like randn_like random normal uniform choice shuffle
    permutation integers multinomial choices"""
)
CONTAINERS: Final = _words(
    """list dict set deque defaultdict Counter OrderedDict ModuleList ParameterList Queue
    SimpleQueue"""
)
PASSES: Final = _words(
    """compile DDP DistributedDataParallel DataParallel FSDP FullyShardedDataParallel sorted
    reversed iter enumerate zip filter chain cast tuple jit script no_grad inference_mode
    OptimizedModule from_iterable maybe_compile"""
)
"""Functions that give back what they were given."""

OPTIMISERS: Final = _words(
    """SGD Adam AdamW LBFGS RMSprop Adagrad Adadelta Adamax NAdam RAdam Rprop SparseAdam Adafactor
    Lion Muon FusedAdam Adam8bit AdamW8bit"""
)
CLOCKS: Final = _words(
    """perf_counter monotonic time perf_counter_ns monotonic_ns time_ns process_time elapsed_time"""
)
CLOCK_MODULES: Final = frozenset(("time", "timeit"))

LOGARITHMS: Final = _words("log log2 log10 log1p")
LOSSES: Final = _words(
    """cross_entropy nll_loss log_softmax softmax logsumexp gather fused_cross_entropy kl_div
    binary_cross_entropy_with_logits logaddexp"""
)
READS: Final = _words(
    """load fromfile memmap read_bytes read_text loadtxt open load_file safe_open"""
)
WRITES: Final = _words(
    """save dump dumps savez savez_compressed tofile write write_bytes save_file compress"""
)
CALLERS: Final = _words(
    """Thread Process submit spawn apply apply_async map starmap run_in_executor Timer run"""
)
"""What they are given to call is called."""

TELLING: Final = re.compile(
    r"backward|autograd|\.step\(|log\(2|LN2|ln2|log2|load_state_dict|_files|glob\(|\.bin"
    r"|_hook\(|add\.at|scatter_add|bincount|index_add|perf_counter|compress|eval_|train_"
    r"|bpb|nll|\.save\(|loss"
)
"""What a long function must mention to be followed."""
SAYING: Final = _words(
    "print log info write flush open str format join len int float round strftime isoformat now"
    " getLogger is_initialized get_rank"
)
"""A function that calls nothing else and returns nothing only says something."""
SHORT_LINES: Final = 40
ALWAYS_DEPTH: Final = 3
"""Calls from the top level that are followed whatever they mention."""

_SHARDS = re.compile(r"(?:^|[^a-z])(train|training|val|valid|validation)(?:[^a-z]|$)")
_NAMED = re.compile(
    r"^(train|val|valid|validation)_?(?:data_?)?(?:files|file|glob|pattern|shards|paths|path|bin"
    r"|globs|patterns)$"
)
_LONGEST = 400


def shards(text: str) -> str:
    """ "held out" or "training" where a text names such shards, else ""."""
    if len(text) > _LONGEST or ("tra" not in text and "val" not in text):
        return ""
    if not any(hint in text for hint in (".bin", "*", ".npy", "fineweb")):
        return ""
    found = _SHARDS.findall(text.lower())
    if not found:
        return ""
    return "training" if found[-1].startswith("train") else "held out"


def shard_setting(name: str) -> str:
    """The same for the name of a setting whose value nobody knows."""
    if len(name) > _LONGEST:
        return ""
    found = _NAMED.match(name.lower())
    if found is None:
        return ""
    return "training" if found.group(1) == "train" else "held out"
