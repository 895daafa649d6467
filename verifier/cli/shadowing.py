"""Which words does the command line know for running what was never made to be verified? shadow."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from verifier.errors import RequestError

if TYPE_CHECKING:
    from verifier.pipeline.shadowing import ShadowRequest
    from verifier.watch import Watch

REFERENCE = typer.Argument(
    help="A folder, a tarball, a pull request (owner/repo#123, CLONE#123) or CHECKOUT@BASE..HEAD.",
    metavar="REF",
)


class Format(StrEnum):
    """How `shadow` says it."""

    TABLE = "table"
    JSON = "json"
    MD = "md"
    GITHUB = "github"


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(shadow)


def shadow(
    reference: Annotated[str | None, REFERENCE] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for shadow.json and what the runs left.")
    ] = None,
    backend: Annotated[
        str,
        typer.Option(
            help="gvisor, docker or bubblewrap; auto: the strongest but gvisor; "
            "local: without an engine."
        ),
    ] = "auto",
    seconds: Annotated[
        float, typer.Option(min=1.0, help="Each run is ended after so many seconds.")
    ] = 300.0,
    memory: Annotated[
        float, typer.Option(min=0.5, help="Gigabytes (2^30 bytes) that each run may use.")
    ] = 3.0,
    corpus: Annotated[
        Path | None,
        typer.Option(
            help="A table of labelled scripts (pr,ref,path,label,class), in the place of REF: "
            "their answers beside what people ruled. Resumable below --out."
        ),
    ] = None,
    clone: Annotated[Path | None, typer.Option(help="The clone that --corpus speaks of.")] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="The seed of an earlier answer: its counterexample once more."),
    ] = None,
    format: Annotated[Format, typer.Option(help="What is printed.")] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> int:
    """Run a script at toy scale on made-up data. Tell how it behaves.

    Exit code 0: CLEAN in what was tested, 1: REFUTED, 2: INCONCLUSIVE. Never VERIFIED.
    """
    from verifier.cli.watching import watcher
    from verifier.pipeline.shadowing import GIGABYTE, ShadowRequest, shadowed
    from verifier.report import shadow as told

    if as_json and format not in (Format.TABLE, Format.JSON):
        raise RequestError(f"--json and --format {format.value} ask for two", remedy="name one")
    chosen = Format.JSON if as_json else format
    if (reference is None) == (corpus is None):
        raise RequestError("name one REF, or a --corpus", remedy="verifier shadow --help")
    if (corpus is None) != (clone is None):
        raise RequestError("--corpus and --clone go together", remedy="verifier shadow --help")
    request = ShadowRequest(
        reference=reference or "",
        backend=backend,
        seconds=seconds,
        memory_bytes=int(memory * GIGABYTE),
        seed=seed,
        keep=out,
    )
    if corpus is not None and clone is not None:
        return _corpus(
            corpus, clone, replace(request, keep=None), out, watcher(quiet=quiet), chosen
        )
    answer = shadowed(request, watcher(quiet=quiet))
    if out is not None:
        told.write(answer, request.reference, out)
    if chosen is Format.TABLE:
        told.render(answer, request.reference, Console(highlight=False, emoji=False))
    else:
        print(told.as_format(answer, request.reference, chosen.value), end="")
    return told.EXIT_CODES[answer.answer]


def _corpus(
    labels: Path,
    clone: Path,
    request: ShadowRequest,
    out: Path | None,
    watch: Watch,
    format: Format,
) -> int:
    """Every row of a table; exit code 1 where one that people ruled valid is refuted."""
    from verifier.pipeline.corpus import shadow_corpus
    from verifier.report.shadow import labelled

    rows = shadow_corpus(labels, clone, request, out or Path("out/shadow"), watch)
    if format is Format.JSON:
        print(labelled.as_json(rows), end="")
    else:
        labelled.render(rows, Console(highlight=False, emoji=False))
    return labelled.exit_code(rows)
