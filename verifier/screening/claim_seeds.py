"""What is claimed for each seed? The tables of per-seed results, in every shape that exists.

A table may map seeds to rows or to numbers, be a list of rows that name their seed, run parallel
to a list of seeds, or be spread over keys that end in the seed. The first that names a seed's
value keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from verifier.screening import claim_words
from verifier.screening.claim_numbers import Numbers

_LIST_OF_SEEDS = ("seeds", "seed_list", "seeds_run", "seeds_completed", "seed")
_TABLE_WORDS = ("seed", "result", "run", "val_bpb", "bytes", "score")


@dataclass(slots=True)
class Seeds:
    """Per-seed claims; `used` are the top-level keys they stand under."""

    seeds: tuple[int, ...] = ()
    bpbs: dict[str, float] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    sources: dict[str, str] = field(default_factory=dict)


def read_seeds(document: Mapping[str, object], numbers: Numbers) -> Seeds:
    """Every table of the document; values that are no numbers become faults."""
    found = Seeds()
    listed = _listed(document, found)
    for key, path, seed, value in _cells(document, listed):
        before = len(found.sources)
        if isinstance(value, dict):
            _row(found, seed, path, value, numbers)
        else:
            _cell(found, seed, path, value, key, numbers)
        if len(found.sources) > before:
            found.used.add(key)
    if not listed:
        listed = [seed for seed in found.bpbs if seed.isdigit()]
    found.seeds = tuple(dict.fromkeys(int(seed) for seed in listed if len(seed) <= 18))
    return found


def _listed(document: Mapping[str, object], found: Seeds) -> list[str]:
    """The seeds that the file lists, as written."""
    for key in _LIST_OF_SEEDS:
        value = document.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and key == "seed":
            value = [value]
        if not isinstance(value, list):
            continue
        seeds = [seed for item in value if (seed := _as_seed(item)) is not None]
        if seeds and len(seeds) == len(value):
            found.used.add(key)
            found.sources["seeds"] = key
            return seeds
    return []


def _as_seed(item: object) -> str | None:
    if isinstance(item, bool):
        return None
    if isinstance(item, int):
        return str(item) if 0 <= item < 10**18 else None
    if isinstance(item, str):
        match = claim_words.SEED_KEY.match(item.strip())
        return match.group(1) if match else None
    return None


def _cells(
    document: Mapping[str, object], listed: list[str]
) -> Iterator[tuple[str, str, str, object]]:
    """(top-level key, key path, seed, row or number), tables first."""
    for key, value in document.items():
        if claim_words.NOT_A_CLAIM.search(key):
            continue
        if isinstance(value, dict) and any(word in key.lower() for word in _TABLE_WORDS):
            yield from _from_mapping(key, key, value)
            inner = value.get("seeds")
            if isinstance(inner, dict):
                yield from _from_mapping(key, f"{key}.seeds", inner)
        elif isinstance(value, list):
            yield from _from_list(key, value, listed)
        ending = claim_words.SEED_ENDING.match(key)
        if ending is not None:
            yield key, key, ending.group(2), value


def _from_mapping(
    key: str, path: str, table: Mapping[str, object]
) -> Iterator[tuple[str, str, str, object]]:
    named = {name: claim_words.SEED_KEY.match(name) for name in table}
    for name, value in table.items():
        match = named[name]
        if match is not None:
            yield key, f"{path}.{name}", match.group(1), value
        elif "seed" in key.lower() and isinstance(value, dict):
            yield key, f"{path}.{name}", name[:80], value


def _from_list(
    key: str, items: list[object], listed: list[str]
) -> Iterator[tuple[str, str, str, object]]:
    for at, item in enumerate(items):
        if isinstance(item, dict) and (seed := _as_seed(item.get("seed"))) is not None:
            yield key, f"{key}[{at}]", seed, item
    parallel = listed and len(items) == len(listed) and not key.startswith("seeds")
    if parallel and any(word in key.lower() for word in ("seed", "bpb", "bytes", "score")):
        for at, (seed, item) in enumerate(zip(listed, items, strict=True)):
            if isinstance(item, int | float | str):
                yield key, f"{key}[{at}]", seed, item


def _row(found: Seeds, seed: str, path: str, row: Mapping[str, object], numbers: Numbers) -> None:
    """One seed's row of named values."""
    for key in claim_words.ROW_BPB:
        if key in row and _keep(found, "bpbs", seed, f"{path}.{key}", row[key], numbers):
            break
    for key in claim_words.ROW_LOSS:
        if key in row and _keep(found, "losses", seed, f"{path}.{key}", row[key], numbers):
            break
    for key in claim_words.ROW_BYTES:
        if key in row and _keep(found, "sizes", seed, f"{path}.{key}", row[key], numbers):
            break
    for key in claim_words.ROW_STEPS:
        if key in row and _keep(found, "steps", seed, f"{path}.{key}", row[key], numbers):
            break


def _cell(found: Seeds, seed: str, path: str, value: object, table: str, numbers: Numbers) -> None:
    """One seed's number; what it counts is in the table's name."""
    name = table.lower()
    if any(word in name for word in ("time", "second", "_ms", "wallclock", "note", "hardware")):
        return
    if "byte" in name or "size" in name:
        _keep(found, "sizes", seed, path, value, numbers)
    elif "step" in name:
        _keep(found, "steps", seed, path, value, numbers)
    elif "loss" in name:
        _keep(found, "losses", seed, path, value, numbers)
    elif isinstance(value, int | float) or "bpb" in name or "score" in name:
        _keep(found, "bpbs", seed, path, value, numbers)


_FIELDS: Mapping[str, tuple[str, str]] = {
    "bpbs": ("val_bpb", "seed_bpbs"),
    "losses": ("val_loss", "seed_losses"),
    "sizes": ("total_bytes", "seed_bytes"),
    "steps": ("steps", "steps"),
}


def _keep(found: Seeds, kind: str, seed: str, path: str, value: object, numbers: Numbers) -> bool:
    """Keep the value unless the seed has one. False where it is no number."""
    bounds, field_name = _FIELDS[kind]
    number = numbers.read(bounds, path, value)
    if number is None:
        return False
    source = f"{field_name}.{seed}"
    if source in found.sources:
        return True
    found.sources[source] = path
    match kind:
        case "bpbs":
            found.bpbs[seed] = number
        case "losses":
            found.losses[seed] = number
        case "sizes":
            found.sizes[seed] = round(number)
        case _:
            found.steps[seed] = round(number)
    return True
