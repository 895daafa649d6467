"""Which words does the command line know for testing a verdict? bundle, recheck, and signatures.

Exit codes (ADR 19): 1 for what contradicts itself, 2 where nobody known has signed or a question is
open, 64 where there is no finished verdict, else the verdict's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from verifier.cli.saying import EXIT_CODES, JSON, QUIET, existing, say

if TYPE_CHECKING:
    from verifier.pipeline import Rechecked, Signature

FORGED, OPEN = 1, 2

VERDICT = typer.Argument(
    help="A finished run's folder, its ledger, a bundle, or a bundle's http(s) address.",
    metavar="VERDICT",
)
TRUSTED = typer.Option(
    help="Keys whose word counts beside your own: a public key in hex a line, then its name."
)
UNSIGNED = typer.Option(
    "--allow-unsigned", help="Take a verdict that nobody, or nobody you know, has signed."
)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(recheck)
    app.command()(bundle)
    app.command()(sign)
    app.command("verify-signature")(verify_signature)


def recheck(
    verdict: Annotated[str, VERDICT],
    data: Annotated[
        Path | None,
        typer.Option(help="Count tokens, bytes and boundaries again: a data set's folder."),
    ] = None,
    rescore: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Score N drawn documents again, here, from the artifact."
        ),
    ] = 0,
    backend: Annotated[
        str, typer.Option(help="Which boxes --rescore makes: auto, local, docker, …")
    ] = "auto",
    trusted_keys: Annotated[Path | None, TRUSTED] = None,
    allow_unsigned: Annotated[bool, UNSIGNED] = False,
    as_json: Annotated[bool, JSON] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> int:
    """Decide a verdict again, and look as deep as asked.

    Arithmetic always: hashes, chain, nonce, roots, sum and verdict, and in a bundle that all parts
    belong together. It does not prove that the run took place. Exit code 1: forged (or REFUTED),
    2: INCONCLUSIVE, unsigned, signed by a key that you do not know, or a question stayed open.
    """
    from verifier import pipeline
    from verifier.cli.watching import watcher
    from verifier.report import rechecked as told

    asked = pipeline.Asked(
        named=verdict,
        data=data,
        rescore=rescore,
        backend=backend,
        trusted=pipeline.read_trusted(trusted_keys),
    )
    found = pipeline.recheck(asked, watcher(quiet=quiet))
    code = code_of(found, allow_unsigned=allow_unsigned)
    if as_json:
        print(told.as_json(found, code))
    else:
        told.render(found, Console(highlight=False, emoji=False))
        if code == OPEN and not found.signer.is_known and not allow_unsigned:
            print("nobody you know stands for it: --trusted-keys FILE, or --allow-unsigned")
    return code


def code_of(found: Rechecked, *, allow_unsigned: bool) -> int:
    """What `recheck` ends with."""
    if found.verdict is None:
        return FORGED
    if found.doubts or not (found.signer.is_known or allow_unsigned):
        return OPEN
    return EXIT_CODES[found.verdict.answer.value]


def bundle(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.", metavar="RUN")],
    out: Annotated[
        Path | None, typer.Option(help="The file to write; else RUN.bundle.tar.gz beside it.")
    ] = None,
    as_json: Annotated[bool, JSON] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Pack a finished run into one file that anyone can recheck.

    Submission, artifact, policy, the image's lock, ledger with charges and signature, and report;
    never a private key nor held-out text.
    """
    from verifier import pipeline
    from verifier.cli.watching import watcher

    made = pipeline.bundle_run(run, out, watcher(quiet=quiet))
    packed = made.packed
    value = {
        "bundle": str(packed.path),
        "bytes": packed.file_bytes,
        "sha256": packed.sha256,
        "tar_bytes": packed.tar_bytes,
        "tar_sha256": packed.tar_sha256,
        "parts": dict(made.parts),
        "lacking": list(made.lacking),
    }
    rows = sorted(made.parts.items(), key=lambda row: -row[1])
    lines = [f"{packed.path}: {packed.file_bytes:,} bytes"]
    lines += [f"  {name:<11} {size:>14,} bytes" for name, size in rows]
    lines += [f"sha256      {packed.sha256}"]
    lines += [f"tar inside  {packed.tar_sha256} ({packed.tar_bytes:,} bytes)"]
    lines += [f"without {name}: it is not there" for name in made.lacking]
    say(value, as_json, "\n".join(lines))


def sign(
    ledger: Annotated[Path, typer.Argument(help="A finished run's folder, or its ledger.")],
    key: Annotated[
        Path | None, typer.Option(help="An Ed25519 key to sign with, instead of your own.")
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Sign a finished ledger's head. An earlier signature gives way.

    What contradicts itself is not signed. Exit code 1: forged.
    """
    from verifier import pipeline

    return _say_signature(pipeline.sign(ledger, existing(key)), as_json, code=0)


def verify_signature(
    verdict: Annotated[str, VERDICT],
    trusted_keys: Annotated[Path | None, TRUSTED] = None,
    allow_unsigned: Annotated[bool, UNSIGNED] = False,
    as_json: Annotated[bool, JSON] = False,
) -> int:
    """Say whose signature covers a verdict; decide nothing.

    Exit code 1: it covers something else, 2: unsigned, or a key that you do not know.
    """
    from verifier import pipeline

    found = pipeline.verify_signature(verdict, pipeline.read_trusted(trusted_keys))
    code = 0 if found.signer.is_known or allow_unsigned else OPEN
    return _say_signature(found, as_json, code=code)


def _say_signature(found: Signature, as_json: bool, *, code: int) -> int:
    from verifier.report.harmless import legible
    from verifier.report.rechecked import whose

    code = FORGED if found.forged else code
    value = {
        "key": found.signer.key,
        "standing": str(found.signer.standing),
        "name": found.signer.name,
        "forged": found.forged or None,
        "exit_code": code,
    }
    said = f"FORGED · {found.forged}" if found.forged else whose(found.signer)
    say(value, as_json, legible(said))
    return code
