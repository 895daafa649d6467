"""`verifier calibrate`: what may two honest answers differ by on this device?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from verifier.errors import RequestError

if TYPE_CHECKING:
    from verifier.pipeline.precision import Precision


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(calibrate)


def calibrate(
    out: Annotated[Path, typer.Option(help="Where runs and evidence go; a re-run resumes.")] = Path(
        "out/calibration"
    ),
    device: Annotated[str, typer.Option(help="auto (a GPU if there is one), cpu or gpu.")] = "auto",
    folder: Annotated[
        Path | None, typer.Option("--from", help="The examples, if not those that ship.")
    ] = None,
    examples: Annotated[
        str, typer.Option(help="Only these, A,B,C: then nothing may be taken over by a policy.")
    ] = "",
    precisions: Annotated[
        str, typer.Option(help="float32, tf32, bfloat16; all of them on a GPU unless named.")
    ] = "",
    documents: Annotated[
        int | None, typer.Option(min=1, help="Only so many held-out documents: partial as well.")
    ] = None,
    scorers: Annotated[int, typer.Option(min=1, max=64, help="Scorer boxes at a time.")] = 1,
    backend: Annotated[
        str,
        typer.Option(
            help="gvisor, docker, bubblewrap or plain; auto: the strongest but gvisor; "
            "local: without an engine."
        ),
    ] = "auto",
    image: Annotated[
        str, typer.Option(help="pinned, or host: this Python and its packages.")
    ] = "pinned",
    key: Annotated[
        Path | None, typer.Option(help="An Ed25519 key that nonces come from, not your own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> int:
    """Measure what a replay's τ must be on this device. It runs the honest examples.

    Exit code 0: there are lines for a policy, 2: something failed or was left out.
    """
    from verifier.cli.watching import watcher
    from verifier.pipeline.calibrate import CalibrationRequest
    from verifier.pipeline.calibrate import calibrate as measured
    from verifier.report import calibrating as told

    if image not in {"pinned", "host"}:
        raise RequestError(f"there is no image {image!r}", remedy="--image pinned, or host")
    request = CalibrationRequest(
        out=out,
        device=device,
        folder=folder,
        examples=_listed(examples),
        precisions=_precisions(precisions),
        documents=documents,
        scorers=scorers,
        backend=backend,
        image=image,
        key=key,
    )
    found = measured(request, watcher(quiet=quiet))
    code = 0 if found.lines else 2
    if as_json:
        print(told.as_json(found, code))
    else:
        told.render(found, Console(highlight=False, emoji=False))
    return code


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _precisions(text: str) -> tuple[Precision, ...]:
    """Those named. Raises RequestError for one that there is not."""
    from verifier.pipeline.precision import Precision

    try:
        return tuple(Precision(word) for word in _listed(text))
    except ValueError as fault:
        known = ", ".join(Precision)
        raise RequestError(f"there is no such precision: {fault}", remedy=known) from fault
