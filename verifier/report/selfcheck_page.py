"""How is docs/selfcheck.md written? Every probe by family, its wall, and what it tries.

Written from the probes themselves, and compared with them by a test. Must never describe a probe
that does not run.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.sandbox.selfcheck import FAMILIES, Family, Probe

BEGINNING = "## The probes"


def page(before: str) -> str:
    """The page: what stands before the probes as it is, and the probes as they are."""
    introduction = before.partition(BEGINNING)[0].rstrip()
    count = sum(len(family.probes) for family in FAMILIES)
    said = f"{count} probes in {len(FAMILIES)} families. `--only` takes a probe or a family."
    families = "\n\n".join("\n".join(_family(family)) for family in FAMILIES)
    return f"{introduction}\n\n{BEGINNING}\n\n{said}\n\n{families}\n"


def _family(family: Family) -> Iterator[str]:
    yield f"### {family.title} (`{family.name}`)"
    yield ""
    yield "| probe | wall | tries to | excused where a backend says |"
    yield "|---|---|---|---|"
    yield from (_row(probe) for probe in family.probes)


def _row(probe: Probe) -> str:
    excuse = "; ".join(f"“{lack}…”" for lack in probe.lacks) or "–"
    return f"| `{probe.id}` | {probe.wall} | {probe.tries} | {excuse} |"
