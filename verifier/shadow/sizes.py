"""What does a size become at toy scale, by what its name says it counts?

One ordered list of rules, the first that fits a name and its value speaks. General, never of one
script: a rule keeps the ratio that a mechanism lives on (windows per chunk, tokens per bucket, a
share of the documents), or makes cheap what none lives on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

COMPETITION_TOKENS = 62_000_000
"""Of the held-out data the documented values are meant for."""
COMPETITION_DOCUMENTS = 50_000
DOCUMENT_TOKENS = 375
"""Of a toy document, on average; 1,240 of the competition's."""
ACCUMULATED = 8
"""Micro-batches a step that one process takes for the eight of the competition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How small. What the rules choose from, made to fit each other."""

    width: int = 64
    heads: int = 4
    kv_heads: int = 2
    layers: int = 4
    sequence: int = 128
    longest: int = 2048
    """The longest sequence that the script documents; others keep their ratio to it."""
    layers_before: int = 11
    heldout_tokens: int = 8193
    iterations: int = 3
    epochs: int = 12
    rounds: int = 64
    """Steps of an optimiser over what it is about to score."""
    chunk: int = 1024
    batch: int = 8
    buckets_at_least: int = 64
    validate_every: int = 0
    """Steps; where 0 does not stand for never, more than there are."""

    def layer(self, index: int) -> int:
        """A block's index in the smaller stack: the same distance in parts of the whole."""
        if self.layers >= self.layers_before or index < 0:
            return index
        last = max(1, self.layers_before - 1)
        return min(self.layers - 1, round(index * (self.layers - 1) / last))

    def count(self, layers: int) -> int:
        """How many layers of the smaller stack so many are; some stay some, all stay all."""
        if self.layers >= self.layers_before or layers <= 0:
            return layers
        return max(1, min(self.layers, round(layers * self.layers / self.layers_before)))

    def length(self, tokens: int) -> int:
        """A sequence's length, in its ratio to the longest, a power of two."""
        exact = tokens * self.sequence // max(self.longest, tokens, 1)
        return max(32, 1 << exact.bit_length() - 1) if exact > 0 else min(tokens, 32)

    def buckets(self, before: int) -> int:
        """A table's size at the load factor of the competition, a power of two."""
        wanted = before * self.heldout_tokens / COMPETITION_TOKENS
        return max(self.buckets_at_least, 1 << max(0, round(wanted).bit_length() - 1))

    def share(self, tokens: int) -> int:
        """A limit of tokens as the same part of the toy's."""
        return max(1, tokens * self.heldout_tokens // COMPETITION_TOKENS)

    def documents(self, before: int) -> int:
        """A number of documents as the same part of the toy's, three at least."""
        held = max(1, self.heldout_tokens // DOCUMENT_TOKENS)
        return max(3, before * held // COMPETITION_DOCUMENTS)


Resize = Callable[[int, Scale], int]


@dataclass(frozen=True, slots=True)
class Rule:
    """What names mean, and what their values become. `least`: smaller values stay as they are."""

    name: re.Pattern[str]
    becomes: Resize
    least: int = 1


def _rule(names: str, becomes: Resize, least: int = 1) -> Rule:
    return Rule(re.compile(names), becomes, least)


def _at_most(bound: int) -> Resize:
    return lambda value, _: min(value, bound)


RULES: tuple[Rule, ...] = (
    # -- the model --------------------------------------------------------------------------------
    _rule(r"(?:MODEL|EMBEDDING|HIDDEN|D)_?(?:DIM|MODEL|SIZE)|N_EMBD", lambda _, s: s.width, 128),
    _rule(r"EMBED_DIM", lambda value, s: min(value, s.width), 128),
    _rule(r"MLP_HIDDEN|FFN_DIM|MLP_DIM", lambda value, s: max(s.width, s.width * value // 512)),
    _rule(r"\w*HEAD_DIM", lambda value, s: min(value, s.width // s.heads)),
    _rule(r"(?:\w+_)?NUM_KV_HEADS|N_KV_HEADS?", lambda _, s: s.kv_heads),
    _rule(r"NUM_HEADS|N_HEADS?", lambda _, s: s.heads),
    _rule(r"ROPE_DIMS", lambda value, s: min(value, s.width // s.heads // 2)),
    _rule(r"(?:\w+_)?(?:BIGRAM|TRIGRAM|NGRAM|VE|PLE|EMBED)\w*_DIM", _at_most(16)),
    _rule(r"(?:BIGRAM|TRIGRAM|NGRAM)_VOCAB_SIZE|BIGRAM_BUCKETS|\w*HASH_EMBED_SIZE",
          lambda _, __: 512, 1024),
    _rule(r"\w*LORA_RANK|\w*_LM_RANK", _at_most(16)),
    _rule(r"NUM_LAYERS|N_LAYERS?", lambda _, s: s.layers),
    _rule(r"\w*LAST_N(?:_LAYERS)?|\w*FREEZE_BLOCKS|XSA_LAYERS", lambda value, s: s.count(value)),
    _rule(r"LOOP_(?:START|END)|\w*(?:START|END)_LAYER|PARALLEL_RESIDUAL_START"
          r"|\w+RECURRENCE_(?:SRC|DST)", lambda value, s: s.layer(value), 0),
    # -- training ---------------------------------------------------------------------------------
    _rule(r"(?:TOTAL_)?ITERATIONS|(?:MAX|TRAIN|NUM)_STEPS", lambda _, s: s.iterations),
    _rule(r"WARMDOWN_ITERS|WARMDOWN_STEPS|COOLDOWN_\w*", lambda _, __: 2),
    _rule(r"MUON_MOMENTUM_WARMUP_STEPS", lambda _, __: 2),
    _rule(r"(?!COMPILE)\w*WARMUP_(?:STEPS|ITERS)|COMP_WARMUP|\w*_START_STEP", lambda _, __: 1),
    _rule(r"(?:SWA|EMA|LAWA|TRAIN_LOG)_(?:EVERY|FREQ)", lambda _, __: 1),
    _rule(r"VAL_LOSS_EVERY", lambda _, s: s.validate_every),
    # -- lengths ----------------------------------------------------------------------------------
    _rule(r"\w*SEQ_?LEN(?:GTH)?|\w*CONTEXT_LEN(?:GTH)?|BLOCK_SIZE|PROG_SEQ_PHASE\d_LEN",
          lambda value, s: s.length(value), 33),
    _rule(r"\w*STRIDE", lambda value, s: min(value, s.sequence // 2), 9),
    _rule(r"VAL_BATCH_(?:SIZE|TOKENS)", lambda _, s: 2 * ACCUMULATED * s.sequence, 4096),
    _rule(r"\w*BATCH_(?:TOKENS|SIZE|WARMUP_START)", lambda _, s: ACCUMULATED * s.sequence, 4096),
    _rule(r"\w*CHUNK_TOKENS|\w*CHUNK_SIZE", lambda _, s: max(s.chunk, s.sequence), 4096),
    _rule(r"\w*CHUNK_SIZE", lambda value, s: min(value, s.sequence // 4)),
    _rule(r"\w*(?:BATCH_SEQS|BATCH_SIZE|TTT_BATCH)", lambda value, s: min(value, s.batch)),
    # -- adaptation -------------------------------------------------------------------------------
    _rule(r"\w*EPOCHS", lambda value, s: min(value, s.epochs)),
    _rule(r"SLOT_\w*STEPS", lambda value, s: min(value, s.rounds)),
    _rule(r"\w*LBFGS_MAX_ITER", lambda value, s: min(value, s.rounds)),
    _rule(r"\w*_PREFIX_DOCS", lambda value, s: s.documents(value)),
    _rule(r"TTT_MIN_DOC_LEN", lambda value, s: min(value, s.sequence)),
    # -- tables and calibration -------------------------------------------------------------------
    _rule(r"\w*(?:BUCKETS|TABLE_SIZE|HASH_SIZE)", lambda value, s: s.buckets(value), 1 << 14),
    _rule(r"\w*TABLE_BITS", lambda value, _: max(10, value - 11), 16),
    _rule(r"\w*(?:SUBSET|LIMIT|MAX)_TOKENS|\w*TOKENS?_LIMIT",
          lambda value, s: s.share(value), 100_000),
    _rule(r"\w*CALIB(?:RATION)?_(?:BATCHES|SAMPLES)|GPTQ_(?:N_)?SAMPLES", _at_most(2)),
    _rule(r"(?:NUM_|N_)?(?:SEQS|SEQUENCES|SAMPLES)", _at_most(8)),
    _rule(r"LENGTH", lambda value, s: s.length(value), 33),
)  # fmt: skip
DECAYS = re.compile(r"(?:EMA|TTT_EMA|TTT_POLYAK)_DECAY")
"""An average over hundreds of steps, of which a toy run has three."""
DECAY = 0.5
RATES = re.compile(r"(?:TIED_EMBED|EMBED|MATRIX|SCALAR|HEAD)_LR")
RATE = 0.01
"""Of a documented rate of training. A few steps at the full rate leave a model worse than before,
and what it pays beyond the source hides what a cheat saves; rates of adaptation stay as they are.
"""
FRACTIONS = re.compile(r"VAL_(?:DOC_)?FRACTION|EVAL_FRACTION")
LAYER_LISTS = re.compile(r"\w*LAYERS")
KERNELS = re.compile(r"(?:USE_)?FUSED_\w+|\w+_FUSED")
"""Switches of kernels that calculate what the plain code does; interpreting them takes minutes."""
ALWAYS = re.compile(
    r"MODEL_DIM|NUM_(?:LAYERS|HEADS|KV_HEADS)|ITERATIONS|(?:TRAIN|EVAL)_SEQ_LEN|WARMUP_STEPS"
    r"|TRAIN_BATCH_TOKENS|VAL_BATCH_(?:SIZE|TOKENS)|VAL_LOSS_EVERY|WARMDOWN_ITERS"
)
"""Set where the text does not tell its value, since nothing runs at the documented size."""


def resized(name: str, value: int, scale: Scale) -> int:
    """The toy value of a whole number by its name; the value itself where no rule speaks."""
    for rule in RULES:
        if value >= rule.least and rule.name.fullmatch(name):
            return rule.becomes(value, scale)
    return value
