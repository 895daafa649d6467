"""`verifier init`: a new submission, working as it stands."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from verifier.errors import RequestError


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="A new folder, or an empty one.")],
    name: Annotated[str, typer.Option(help="What the submission is called.")] = "",
    author: Annotated[
        str, typer.Option(help="Who submits it; attempts are counted by author.")
    ] = "",
    script: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="SCRIPT", help="A train_gpt.py whose training is kept, or its folder."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Write a working submission. A scorer of some 40 lines: its comments are the contract.

    With --from a script's training and export are kept, and a Scorer is written for what it
    evaluates; nothing of it is executed, and what a person still has to change is listed.
    """
    if script is not None:
        if name or author:
            raise RequestError(
                "--name and --author are for a submission from nothing",
                remedy="write them into the submission.json that --from makes",
            )
        from verifier.cli.porting import init_from

        init_from(script, folder, as_json=as_json)
        return
    from verifier.pipeline.starting import begin
    from verifier.report.harmless import legible

    files = begin(folder, name=name, author=author)
    where = shlex.quote(str(folder))
    following = [f"verifier try {where}", f"verifier verify {where}"]
    if as_json:
        print(json.dumps({"folder": str(folder), "files": list(files), "next": following}))
        return
    print(f"{legible(str(folder))}: {', '.join(files)}")
    print(f"→ {legible(following[0])}      does its scorer keep the contract? (seconds)")
    print(f"→ {legible(following[1])}   train, score, replay: a verdict (minutes)")
