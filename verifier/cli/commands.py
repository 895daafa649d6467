"""Which words does the command line know? One function a command; what they do is the pipeline's.

Rooms are imported inside commands, so that `verifier --help` answers at once.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from verifier.cli import (
    calibrating,
    rechecking,
    screening,
    selfchecking,
    shadowing,
    starting,
    trying,
)
from verifier.cli.saying import EXIT_CODES, JSON, QUIET, existing, say, say_verdict, summarise
from verifier.errors import RequestError

if TYPE_CHECKING:
    from verifier.records import PreviousRow

REFERENCE = typer.Argument(
    help="A submission: a folder, a tarball, owner/repo#123, CLONE#123, URL#ref:path.",
    metavar="REF",
)

app = typer.Typer(
    name="verifier",
    help="Verify submissions to a small-language-model competition: behaviour proven, not read.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
image_app = typer.Typer(help="Root file systems that boxes run on.", no_args_is_help=True)
data_app = typer.Typer(help="Held-out data sets.", no_args_is_help=True)
policy_app = typer.Typer(help="The rules, as dated files.", no_args_is_help=True)
app.add_typer(image_app, name="image")
app.add_typer(data_app, name="data")
app.add_typer(policy_app, name="policy")


def _version(wanted: bool) -> None:
    if wanted:
        from verifier import __version__

        print(f"golf-verifier {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Nothing is done before a command is named."""


# ---------------------------------------------------------------- verdicts


@app.command()
def verify(
    reference: Annotated[str | None, REFERENCE] = None,
    queue: Annotated[
        Path | None,
        typer.Option(
            "--from", help="A queue.json of `triage`, in the place of REF: cheapest checks first."
        ),
    ] = None,
    policy: Annotated[
        str, typer.Option(help="A policy's name (`verifier policy list`) or file.")
    ] = "local_cpu",
    out: Annotated[Path, typer.Option(help="Where runs are kept; a re-run resumes.")] = Path("out"),
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Fewer seeds than the policy's: a spot check.")
    ] = None,
    scorers: Annotated[int, typer.Option(min=1, max=64, help="Scorer boxes at a time.")] = 1,
    backend: Annotated[
        str,
        typer.Option(
            help="gvisor (L3), docker (L2), bubblewrap (L1), plain (L0); auto: the strongest but "
            "gvisor; local: without an engine."
        ),
    ] = "auto",
    image: Annotated[
        str, typer.Option(help="pinned, or host: this Python and its packages, never a record.")
    ] = "pinned",
    data: Annotated[
        Path | None, typer.Option(help="The folder that `verifier data import` printed.")
    ] = None,
    documents: Annotated[
        int | None, typer.Option(min=1, help="Only so many held-out documents: no verdict on all.")
    ] = None,
    previous: Annotated[
        str | None,
        typer.Option(
            help="The record to beat, for `record`: a finished run's folder, or NAME=BPB,BPB,…"
        ),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="An Ed25519 key to sign with, instead of your own.")
    ] = None,
    organizer: Annotated[
        bool,
        typer.Option(
            "--organizer", help="Say that --key is the competition's, not the submitter's own."
        ),
    ] = False,
    as_json: Annotated[bool, JSON] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> int:
    """Run a submission in boxes, and give a verdict. It is trained, weighed, scored and replayed.

    A script (no verify.yaml) is run in full, weighed and shadowed instead; its best word is
    REPRODUCED. Exit code 0: VERIFIED or REPRODUCED, 1: REFUTED, 2: INCONCLUSIVE.
    """
    from verifier import pipeline
    from verifier import policy as policies
    from verifier.cli.watching import watcher

    if image not in {"pinned", "host"}:
        raise RequestError(f"there is no image {image!r}", remedy="--image pinned, or host")
    if (reference is None) == (queue is None):
        raise RequestError("name one REF, or --from a queue.json", remedy="verifier verify --help")
    request = pipeline.Request(
        reference=reference or "",
        policy=policies.load(policy),
        out=out,
        seeds=seeds,
        scorers=scorers,
        backend=backend,
        image=image,
        key=existing(key),
        organizer=organizer,
        data=data,
        previous=None if previous is None else _previous(previous),
        documents=documents,
    )
    if queue is not None:
        from verifier.cli.queued import verify_queue

        return verify_queue(queue, request, watcher(quiet=quiet), as_json=as_json)
    report = pipeline.verify(request, watcher(quiet=quiet))
    say_verdict(report.verdict, as_json, folder=str(report.folder), report=str(report.html))
    return EXIT_CODES[report.verdict.answer.value]


rechecking.register(app)


@app.command()
def doctor(as_json: Annotated[bool, JSON] = False) -> int:
    """Tell what this machine can promise. Say what would mend what it cannot.

    Exit code 0: nothing is missing, 2: something is, and verdicts that need it stay open.
    """
    from verifier.pipeline.doctor import examine
    from verifier.report import doctor as told

    found = examine()
    if as_json:
        print(told.as_json(found))
    else:
        told.render(found, Console(highlight=False, emoji=False))
    return found.exit_code


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    out: Annotated[Path, typer.Option(help="Where the index page goes.")] = Path("out/index.html"),
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write pages of finished runs again, and one over all. Ends with 64 if any has no verdict."""
    from verifier import pipeline
    from verifier.cli.watching import watcher
    from verifier.errors import BadInput

    made = pipeline.report(folders, out, watcher(quiet=False))
    code = BadInput.exit_code if made.unread else 0
    unread = {str(folder): why for folder, why in made.unread.items()}
    told = {"index": str(made.page), "verdicts": made.verdicts, "no_verdict": unread}
    missing = f", {len(unread)} without a verdict" if unread else ""
    say(told | {"exit_code": code}, as_json, f"{made.page}: {made.verdicts} shown{missing}")
    raise typer.Exit(code)


@app.command()
def explain(
    name: Annotated[
        str, typer.Argument(help="An audit's, rule's or clause's id, as in a report; none: all.")
    ] = "",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Say what a rule looks for, and how to clear yourself."""
    from rich.markdown import Markdown

    from verifier.cli.explaining import every_rule
    from verifier.report.explaining import CLAUSES
    from verifier.report.explaining import explain as explained

    rules = every_rule()
    text = explained(name, rules)
    if as_json:
        named = name.upper() in CLAUSES or not name
        kind = "rule" if name in {rule.id for rule in rules} else "audit"
        kind = "clause" if named else kind
        print(json.dumps({kind: name, "text": text}))
    else:
        Console().print(Markdown(text))


@app.command()
def schema(
    what: Annotated[
        str, typer.Argument(help="policy, verify.yaml, decisions, or a .json that is written.")
    ],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Print the JSON Schema of a file that is read or written.

    It is JSON with and without --json.
    """
    del as_json
    from verifier import policy as policies
    from verifier import report as reports
    from verifier import submission
    from verifier.history import decisions
    from verifier.report import screening as screenings

    schemas = {
        "policy": policies.schema,
        "verify.yaml": submission.schema,
        "decisions": decisions.schema,
        "report.json": reports.schema,
        "screen.json": screenings.screen_schema,
        "triage.json": screenings.triage_schema,
    }
    if what not in schemas:
        raise RequestError(f"there is no schema {what!r}", remedy=f"one of {', '.join(schemas)}")
    print(json.dumps(schemas[what](), indent=1, ensure_ascii=False))


# ---------------------------------------------------------------- images, data, policies


@image_app.command("build")
def image_build(
    name: Annotated[str, typer.Argument(help="A recipe in images/: cpu or cuda.")],
    locked: Annotated[
        bool, typer.Option("--locked", help="Any difference from debs.lock is an error.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Make a root file system from its recipe and locks, once."""
    from verifier import pipeline
    from verifier.cli.watching import watcher

    root, facts = pipeline.build_image(name, watcher(quiet=quiet), locked=locked)
    _say_image(root.tar, facts, as_json)


@image_app.command("show")
def image_show(
    name: Annotated[str, typer.Argument(help="A recipe in images/: cpu or cuda.")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Say what the store has of a recipe. Its digest, and every package in it."""
    from verifier import pipeline

    root, facts = pipeline.show_image(name)
    _say_image(root.tar, facts, as_json)


@data_app.command("build")
def data_build(
    as_json: Annotated[bool, JSON] = False, quiet: Annotated[bool, QUIET] = False
) -> None:
    """Make the embedded default: documents of Django 5.2."""
    from verifier import pipeline
    from verifier.cli.watching import watcher

    _say_data(pipeline.build_data(watcher(quiet=quiet)), as_json)


@data_app.command("import")
def data_import(
    shards: Annotated[Path, typer.Argument(help="fineweb_val_*.bin, or their folder.")],
    tokenizer: Annotated[Path, typer.Option(help="The sentencepiece model they were made with.")],
    docs: Annotated[
        Path | None, typer.Option(help='The raw documents, one {"text": …} a line.')
    ] = None,
    train: Annotated[
        Path | None, typer.Option(help="A folder of fineweb_train_*.bin, searched for them.")
    ] = None,
    as_json: Annotated[bool, JSON] = False,
    quiet: Annotated[bool, QUIET] = False,
) -> None:
    """Take the competition's own held-out shards."""
    from verifier import pipeline
    from verifier.cli.watching import watcher

    found = pipeline.import_data(shards, tokenizer, docs, train, watcher(quiet=quiet))
    _say_data(found, as_json)


@policy_app.command("list")
def policy_list(as_json: Annotated[bool, JSON] = False) -> None:
    """List the policies that ship with the verifier."""
    from verifier import policy as policies

    found = {name: policies.load(name) for name in policies.names()}
    if as_json:
        rows = [
            {"name": name, "title": file.policy.title, "digest": file.digest}
            for name, file in found.items()
        ]
        print(json.dumps(rows))
        return
    width = max(map(len, found))
    for name, file in found.items():
        print(f"{name:<{width}}  {file.policy.title}")


@policy_app.command("show")
def policy_show(
    name: Annotated[str, typer.Argument(help="A policy's name or file.")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Print a policy as it is written, or as JSON."""
    from verifier import policy as policies

    file = policies.load(name)
    if as_json:
        body = file.policy.model_dump(mode="json")
        print(json.dumps({"digest": file.digest, "policy": body}, indent=1))
    else:
        print(file.text.decode(), end="")


@policy_app.command("schema")
def policy_schema(as_json: Annotated[bool, JSON] = False) -> None:
    """Print what every key of a policy means, as a JSON Schema."""
    schema("policy", as_json)


starting.register(app)
trying.register(app)
screening.register(app)
shadowing.register(app)
calibrating.register(app)
selfchecking.register(app)
summarise(app)


# ---------------------------------------------------------------- saying


def _say_image(tar: Path | None, facts: Any, as_json: bool) -> None:
    from verifier.ledger.codec import encode_record

    size = None if tar is None else tar.stat().st_size
    if as_json:
        print(json.dumps({**encode_record(facts), "tar": str(tar), "tar_bytes": size}))
        return
    kind = "pinned" if facts.pinned else "not pinned"
    print(f"{facts.recipe}: {kind}, Python {facts.python}, {len(facts.packages)} packages")
    print(f"digest  {facts.root_digest}")
    if size is not None:
        print(f"tar     {tar} ({size:,} bytes)")
    for name, version in facts.packages.items():
        print(f"  {name} {version}")


def _say_data(held_out: Any, as_json: bool) -> None:
    found = {
        "name": held_out.name,
        "manifest": held_out.manifest_digest,
        "documents": len(held_out.documents),
        "bytes": sum(map(len, held_out.documents)),
        "folder": str(held_out.folder),
        "training_folder": str(held_out.training_folder),
        "found_in_training": [list(met) for met in held_out.found_in_training],
    }
    if as_json:
        print(json.dumps(found))
        return
    print(f"{found['name']}: {found['documents']} held-out documents, {found['bytes']:,} bytes")
    print(f"manifest  {found['manifest']}")
    print(f"folder    {found['folder']}    (for --data)")
    print(f"training  {found['training_folder']}")
    for document, shard, at in held_out.found_in_training:
        print(f"document {document} stands in training shard {shard} at token {at}")


def _previous(text: str) -> PreviousRow:
    """NAME=BPB,BPB,… or the folder of a finished run. Raises RequestError."""
    from verifier import pipeline
    from verifier.records import PreviousRow

    name, equals, values = text.partition("=")
    if not equals:
        verdict = pipeline.checked_verdict(Path(text))
        return PreviousRow(name=Path(text).name, bpb=tuple(seed.bpb for seed in verdict.seeds))
    try:
        bpb = tuple(float(value) for value in values.split(","))
    except ValueError:
        bpb = ()
    if not name or not bpb or not all(0 < value < float("inf") for value in bpb):
        raise RequestError(
            f"--previous {text!r} names no row", remedy="NAME=1.0810,1.0812,1.0809, or a folder"
        )
    return PreviousRow(name=name, bpb=bpb)
