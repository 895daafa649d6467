"""`verifier try`: does my scorer keep the contract, in seconds?"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from verifier.errors import RequestError


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("try")(try_)


def try_(
    reference: Annotated[
        str,
        typer.Argument(help="A submission: a folder, a tarball, owner/repo#123.", metavar="REF"),
    ],
    policy: Annotated[str, typer.Option(help="A policy's name or file.")] = "local_cpu",
    artifact: Annotated[
        Path | None, typer.Option(help="What training left, in a folder, in the place of training.")
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Train anew, though an artifact is at hand.")
    ] = False,
    train_seconds: Annotated[
        float, typer.Option(min=1.0, help="How long a training run may take here.")
    ] = 60.0,
    image: Annotated[
        str, typer.Option(help="auto (pinned if it is built), pinned, or host: this Python.")
    ] = "auto",
    data: Annotated[
        Path | None, typer.Option(help="The folder that `verifier data import` printed.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> int:
    """Check a scorer against its contract, in half a minute. What breaks it is explained.

    The pass and the blind replay of a verdict, on short pieces of the training side. The artifact
    of the last `verify` or `try` of the same folder is used again. Never a verdict. Exit code 0:
    nothing found, 1: something is broken, 2: something could not be shown.
    """
    from verifier import policy as policies
    from verifier.cli.watching import watcher
    from verifier.pipeline.trying import TryRequest, try_out
    from verifier.report import trying as told

    if image not in {"auto", "pinned", "host"}:
        raise RequestError(f"there is no image {image!r}", remedy="--image auto, pinned or host")
    if artifact is not None and train:
        raise RequestError("--artifact and --train ask for two", remedy="name one")
    request = TryRequest(
        reference=reference,
        policy=policies.load(policy),
        artifact=artifact,
        train=train,
        train_seconds=train_seconds,
        image=image,
        data=data,
    )
    found = try_out(request, watcher(quiet=quiet))
    if as_json:
        print(told.as_json(found))
    else:
        following = f"verifier verify {shlex.quote(reference)}"
        told.render(found, Console(highlight=False, emoji=False), following)
    return found.exit_code
