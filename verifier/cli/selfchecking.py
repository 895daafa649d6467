"""Which words does the command line know for trying its own walls? selfcheck."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(selfcheck)


def selfcheck(
    backend: Annotated[
        str,
        typer.Option(
            help="gvisor, docker, bubblewrap or plain; all: each there is; auto: the one that "
            "verify takes by itself, the strongest but gvisor."
        ),
    ] = "auto",
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="PROBE", help="One probe or family (docs/selfcheck.md); repeatable."
        ),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Name the probes and what they try; run none.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> int:
    """Try to break out of this machine's boxes. Tell which walls held; about a minute.

    The boxes run on a root file system made of the interpreter at hand; nothing is downloaded.
    Exit code 0: all held, but for what is listed as lacking, 1: one broke, 2: nothing was tried.
    """
    from verifier.cli.watching import watcher
    from verifier.pipeline.selfchecking import try_walls
    from verifier.report import selfcheck as told
    from verifier.sandbox.selfcheck import chosen

    if listed:
        probes = chosen(only or ())
        if as_json:
            print(told.listed_as_json(probes))
        else:
            told.render_list(probes, Console(highlight=False, emoji=False))
        return 0
    tried = try_walls(backend, only or (), watcher(quiet=quiet))
    if as_json:
        print(told.as_json(tried))
    else:
        told.render(tried, Console(highlight=False, emoji=False))
    return tried.exit_code
