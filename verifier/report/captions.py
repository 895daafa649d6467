"""What does a picture show, in one or two sentences? And where did blind costs differ most?

For those who cannot see the picture, and for those who would rather read a figure. Must never say
more than the curve does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from verifier.report import words
from verifier.report.model import Bin, Documents, Replayed, Report, Seed, Speed, Watched
from verifier.report.phases import Phase


def timeline(shown: Sequence[Phase]) -> str:
    """How long each phase took of what it was allowed."""
    used = words.listed([f"{phase.name} {phase.used()}" for phase in shown])
    return (
        f"Used: {used}. Drawn one after the other; the pale bar is the room that a phase’s limit"
        " gave it."
    )


def machine(shown: Sequence[Phase], watched: Sequence[Watched], speed: Speed | None) -> str:
    """How long each phase took, and how long of that others had the processors."""
    used = words.listed([f"{phase.name} {phase.used()}" for phase in shown])
    said = [
        f"Used: {used}. The pale bar is the room that a phase’s limit gave it, as far as the axis"
        " goes.",
        f"{machine_line(watched)}.",
    ]
    if speed is not None and (told := speed_line(speed)):
        said.append(f"{told}.")
    return " ".join(said)


def machine_line(watched: Sequence[Watched]) -> str:
    """In one line: how much longer others made each phase take."""
    known = [each for each in watched if each.held_share is not None]
    if not known:
        return "How long others had the processors that the boxes wanted was not counted"
    shares = words.listed([f"{each.phase} {100 * (each.held_share or 0):.1f} %" for each in known])
    return f"Others had the processors that the boxes wanted for this share of the time: {shares}"


def speed_line(speed: Speed) -> str:
    """In one line: how the same reference work went; "" if nothing can be compared."""
    said = []
    if speed.drift is not None:
        said.append(f"{_longer(speed.drift)} after the run than before")
    if speed.slower_than_usual is not None:
        earlier = words.counted(speed.usual_of, "earlier probe")
        said.append(f"{_longer(speed.slower_than_usual)} than it usually takes here ({earlier})")
    return f"The same reference work took {' and '.join(said)}" if said else ""


def _longer(share: float) -> str:
    """0.02 → "2 % longer", −0.02 → "2 % less long"."""
    return f"{100 * abs(share):.0f} % {'longer' if share >= 0 else 'less long'}"


def by_position(bins: Sequence[Bin]) -> str:
    """How the cost falls along a document."""
    first, last = bins[0], bins[-1]
    return (
        f"A document’s first token costs {words.nats(first.charge_nats)} on average, tokens from"
        f" {last.first:,} on {words.nats(last.charge_nats)}. Dashed: what the public reference"
        " charges for the same tokens."
    )


def by_document(documents: Documents) -> str:
    """Median, best and worst, by their numbers."""
    best, worst = documents.ranked[0], documents.ranked[-1]
    return (
        f"{words.counted(documents.count, 'document')}: the median costs"
        f" {documents.median_bpb:.4f} bits per byte, the best (document {best.document})"
        f" {best.bpb:.4f}, the worst (document {worst.document}, {worst.targets:,} targets)"
        f" {worst.bpb:.4f}."
    )


def by_chunk(bins: Sequence[Bin]) -> str:
    """What the first chunk saved over the reference, and what the later ones did."""
    (first, _), *later = saved(bins)
    said = f"The first chunk costs {_less(first)} per token than the reference"
    if later:
        mean = sum(gain * targets for gain, targets in later) / sum(n for _, n in later)
        said += f", later ones {_less(mean)}"
        said += "; the rise" if mean > first else "; a rise, which there is not here,"
        said += " is what context and adaptation bought"
    return f"{said}. The band is two standard errors wide on either side."


def _less(gain: float) -> str:
    """0.2 → "0.2000 nats less", −0.2 → "0.2000 nats more"."""
    return f"{words.nats(abs(gain))} {'less' if gain >= 0 else 'more'}"


def saved(bins: Sequence[Bin]) -> list[tuple[float, int]]:
    """(mean of reference − charge in nats, targets) of each bin where both are known."""
    return [
        (part.reference_nats - part.charge_nats, part.targets)
        for part in bins
        if part.reference_nats is not None and part.charge_nats is not None
    ]


def blind_cells(found: Replayed) -> str:
    """How many targets were replayed."""
    replayed = sum(targets for _, _, targets, _ in found.cells)
    framed = " Framed: those that deviate." if any(far for *_, far in found.cells) else ""
    return (
        f"{words.counted(replayed, 'target')} replayed. An honest scorer lies on the diagonal:"
        " what a token cost in the pass is what it costs blind. Fuller colour: more targets."
        f"{framed}"
    )


def apart(found: Replayed, tau: float | None) -> str:
    """How many are beyond the tolerance."""
    if found.beyond_tau is None:
        return "The tolerance τ is the policy’s, which is not beside this run."
    beyond = "No target deviates" if found.beyond_tau == 0 else "Deviating"
    if found.beyond_tau:
        beyond = f"{words.counted(found.beyond_tau, 'target')} deviate" + (
            "s" if found.beyond_tau == 1 else ""
        )
    return f"{beyond} by more than the tolerance τ = {tau:g} nats. Both scales are logarithmic."


# ---------------------------------------------------------------- where


def places(report: Report) -> list[str]:
    """Where blind costs are farthest from charges, and where the wire broke, seed by seed."""
    return _by_seed(report, lambda seed: [*_apart(seed), *_faults(seed)])


def apart_places(report: Report) -> list[str]:
    """Where blind costs are farthest from charges: document, position and both costs."""
    return _by_seed(report, _apart)


def fault_places(report: Report) -> list[str]:
    """Where the wire broke."""
    return _by_seed(report, _faults)


def _by_seed(report: Report, told: Callable[[Seed], list[str]]) -> list[str]:
    """Each seed's sentences; where there are several, with the seed before them."""
    several = len(report.seeds) > 1
    return [
        f"Seed {seed.seed}: {said}" if several else said[0].upper() + said[1:]
        for seed in report.seeds
        for said in told(seed)
    ]


def _apart(seed: Seed) -> list[str]:
    replayed = seed.curves.replayed if seed.curves is not None else None
    if replayed is None or not replayed.beyond_tau:
        return []
    worst = replayed.largest[0]
    return [
        f"blind costs differ most in document {worst.document} at position {worst.position:,}:"
        f" charged {words.nats(worst.charge_nats)}, blind {words.nats(worst.blind_nats)}"
    ]


def _faults(seed: Seed) -> list[str]:
    found = []
    for fault in seed.faults:
        place = "" if fault.document is None else f" in document {fault.document}"
        starved = "; the host was starved meanwhile" if fault.host_starved else ""
        found.append(
            f"{fault.phase}: {fault.kind.value} in answer to {fault.request}{place}{starved}"
        )
    return found
