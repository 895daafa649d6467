"""What does a submission say it is? Reads verify.yaml; `claims.py` reads submission.json.

Must never execute, import or follow anything of the submission, and never guess: a key it does not
know is an error with its line.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from verifier.errors import BadSubmission
from verifier.policy import ScoreRule
from verifier.records import Adaptation, Claim, ScorerTerms, SubmissionFacts
from verifier.submission.claims import Claims, read_claims
from verifier.submission.tokenizer import reserialised

MANIFEST_NAME = "verify.yaml"
MANIFEST_BYTES = 64 * 1024
TOKENIZER_BYTES = 16_000_000
ENVIRONMENT = "environment"
CONTRACTS = ("scorer/1", "script/1")
CODE_SUFFIX = ".py"
INTEGER_BITS = 64
_NO_VALUE = (ValueError, LookupError, AttributeError, OverflowError)
"""What YAML's own constructors raise for `!!int ""`, `!!bool x` and `!!timestamp x`."""
_SCORER = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"

Argument = Annotated[str, Field(min_length=1, max_length=4096)]
Package = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.+-]{1,100}$")]
Command = Annotated[tuple[Argument, ...], Field(min_length=1, max_length=256, strict=False)]


class Manifest(BaseModel):
    """verify.yaml of contract scorer/1 (PROTOCOL §2)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    contract: Literal["scorer/1"]
    train: Command
    pack: Command | None = None
    scorer: Annotated[str, Field(pattern=_SCORER)]
    tokenizer: Annotated[str, Field(min_length=1, max_length=240)]
    adaptation: Annotated[Adaptation, Field(strict=False)]
    rows: Annotated[int, Field(gt=0, le=65_536)]
    chunk: Annotated[int, Field(gt=0, le=1_048_576)]
    sealed_start: bool = False

    @property
    def own_tokenizer(self) -> str | None:
        """The path of the submission's own tokenizer, None for the data's or bytes."""
        return None if self.tokenizer in ("data", "bytes") else self.tokenizer


class ScriptManifest(BaseModel):
    """verify.yaml of contract script/1: nothing in it is needed.

    `command` is what starts the script, as a README would say it; `environment` goes before it;
    `packages` are Debian packages that the image gets beside its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    contract: Literal["script/1"]
    command: Annotated[str, Field(min_length=1, max_length=8192)] | Command | None = None
    environment: Annotated[dict[str, str | int | float], Field(max_length=256)] = {}
    packages: Annotated[tuple[Package, ...], Field(max_length=64, strict=False)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A submission of contract script/1 as frozen in the store, unmodified.

    `folder` is read-only, `digest` names it, `files` are its regular files; `packages` are what
    its verify.yaml asks for. What it claims and how it is started is read from its tree.
    """

    folder: Path
    digest: str
    files: tuple[str, ...]
    packages: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One submission as frozen in the store; `folder` is read-only and `digest` names it."""

    folder: Path
    digest: str
    manifest: Manifest
    claims: Claims
    code: tuple[str, ...]
    ignored: tuple[str, ...] = ()

    @property
    def author(self) -> str:
        """Who attempts are counted for."""
        return self.claims.author

    @property
    def claim(self) -> Claim:
        """What is compared with the measurement."""
        return self.claims.claim()

    @property
    def own_tokenizer(self) -> str | None:
        """The path of its own tokenizer, None for the data's or bytes."""
        return self.manifest.own_tokenizer

    @property
    def ships(self) -> tuple[str, ...]:
        """What of it goes to the scoring box beside the artifact, its own tokenizer aside."""
        return (MANIFEST_NAME, *self.code)

    def facts(self) -> SubmissionFacts:
        """What goes into the ledger."""
        return SubmissionFacts(
            name=self.claims.name,
            author=self.claims.author,
            digest=self.digest,
            contract=self.manifest.contract,
            claim=self.claim,
            scorer=ScorerTerms(
                adaptation=self.manifest.adaptation,
                rows=self.manifest.rows,
                chunk=self.manifest.chunk,
                tokenizer=self.manifest.tokenizer,
                sealed_start=self.manifest.sealed_start,
            ),
        )


def schema() -> dict[str, Any]:
    """The JSON Schema of verify.yaml."""
    return Manifest.model_json_schema()


def read_submission(
    folder: Path, *, digest: str, files: tuple[str, ...], ignored: tuple[str, ...]
) -> Submission | Script:
    """Read a frozen folder whose regular files are `files`.

    Without a verify.yaml it is of contract script/1. Raises BadSubmission naming file and place
    when verify.yaml, submission.json or the named tokenizer cannot be used.
    """
    if MANIFEST_NAME not in files:
        return Script(folder=folder, digest=digest, files=files, ignored=ignored)
    manifest = read_manifest((folder / MANIFEST_NAME).read_bytes())
    if isinstance(manifest, ScriptManifest):
        return Script(
            folder=folder,
            digest=digest,
            files=files,
            packages=manifest.packages,
            ignored=ignored,
        )
    submission = Submission(
        folder=folder,
        digest=digest,
        manifest=manifest,
        claims=read_claims(folder, files),
        code=tuple(path for path in files if path.endswith(CODE_SUFFIX)),
        ignored=ignored,
    )
    _check_files_named(submission, files)
    return submission


def require_allowed(submission: Submission, rule: ScoreRule) -> None:
    """Raises BadSubmission with the line of what the policy's `score` does not allow."""
    manifest = submission.manifest
    if manifest.adaptation not in rule.adaptation:
        allowed = " or ".join(reach.value for reach in rule.adaptation)
        fault = ("adaptation", f"{manifest.adaptation.value} is not allowed, {allowed} is")
    elif manifest.rows > rule.rows_at_most:
        fault = ("rows", f"{manifest.rows} is more than {rule.rows_at_most}")
    elif manifest.chunk > rule.chunk_at_most:
        fault = ("chunk", f"{manifest.chunk} is more than {rule.chunk_at_most}")
    else:
        return
    key, sentence = fault
    _, lines = _flat_yaml((submission.folder / MANIFEST_NAME).read_bytes())
    raise BadSubmission(
        f"{key}: {sentence}, the policy says",
        file=MANIFEST_NAME,
        place=lines[key],
        remedy="change it, or name a policy that allows it (`verifier policy list`)",
    )


def read_manifest(content: bytes) -> Manifest | ScriptManifest:
    """Read verify.yaml. Raises BadSubmission with the line of the first thing that is wrong."""
    values, lines = _flat_yaml(content)
    contract = values.get("contract")
    if contract is not None and contract not in CONTRACTS:
        near = difflib.get_close_matches(str(contract), CONTRACTS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise BadSubmission(
            f"unknown contract {str(contract)[:80]!r}{hint}",
            file=MANIFEST_NAME,
            place=lines["contract"],
            remedy=f"one of {', '.join(CONTRACTS)}",
        )
    kind = ScriptManifest if contract == "script/1" else Manifest
    try:
        return kind.model_validate(values)
    except ValidationError as wrong:
        # A misspelt key is also a missing one; the misspelling is what the author wants to see.
        first = min(
            wrong.errors(include_url=False), key=lambda error: error["type"] != "extra_forbidden"
        )
        key = str(first["loc"][0])
        raise BadSubmission(
            _sentence(key, first["type"], first["msg"], values.get(key), kind),
            file=MANIFEST_NAME,
            place=lines.get(key, 1),
        ) from None


def _sentence(key: str, kind: str, message: str, value: object, manifest: type[BaseModel]) -> str:
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, manifest.model_fields, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        return f"unknown key {key!r}{hint}"
    if kind == "missing":
        return f"key {key!r} is missing"
    if key in ("train", "pack"):
        return f'{key} is a list of strings such as [python3, train.py, "{{seed}}"]'
    if key == "scorer":
        return f"scorer is MODULE:CLASS, such as scorer:Scorer (found {str(value)[:80]!r})"
    return f"{key}: {message} (found {str(value)[:80]!r})"


def _flat_yaml(content: bytes) -> tuple[dict[str, Any], Mapping[str, int]]:
    """Top-level keys with their values (scalars and lists of scalars) and their lines."""
    if len(content) > MANIFEST_BYTES:
        raise BadSubmission(f"is larger than {MANIFEST_BYTES} bytes", file=MANIFEST_NAME)
    try:
        loader = yaml.SafeLoader(content.decode("utf-8", "replace"))
        return _keys_of(loader, loader.get_single_node())
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else 1
        raise BadSubmission(
            f"not YAML: {wrong.problem or wrong.context}", file=MANIFEST_NAME, place=line
        ) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as wrong:
        detail = str(wrong).splitlines()[0][:200] if str(wrong) else type(wrong).__name__
        raise BadSubmission(f"not YAML: {detail}", file=MANIFEST_NAME) from None


def _keys_of(
    loader: yaml.SafeLoader, root: yaml.Node | None
) -> tuple[dict[str, Any], dict[str, int]]:
    if not isinstance(root, yaml.MappingNode):
        raise BadSubmission("is not a mapping of keys", file=MANIFEST_NAME, place=1)
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in root.value:
        line = key_node.start_mark.line + 1
        key = key_node.value
        if not isinstance(key, str) or not key.isprintable():
            raise BadSubmission("a key is not a word", file=MANIFEST_NAME, place=line)
        if key in values:
            raise BadSubmission(f"key {key!r} stands twice", file=MANIFEST_NAME, place=line)
        lines[key] = line
        values[key] = _value_of(loader, value_node, key)
    return values, lines


def _value_of(loader: yaml.SafeLoader, node: yaml.Node, key: str) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(loader, node)
    if isinstance(node, yaml.SequenceNode) and all(
        isinstance(child, yaml.ScalarNode) for child in node.value
    ):
        return [_scalar(loader, child) for child in node.value]
    if (
        key == ENVIRONMENT
        and isinstance(node, yaml.MappingNode)
        and all(isinstance(part, yaml.ScalarNode) for pair in node.value for part in pair)
    ):
        return {name.value: _scalar(loader, value) for name, value in node.value}
    raise BadSubmission(
        f"{key} holds neither a value nor a list of values; braces want quotes",
        file=MANIFEST_NAME,
        place=node.start_mark.line + 1,
    )


def _scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    """One value. An integer that nothing here could be is refused: Python would not print it."""
    line = node.start_mark.line + 1
    try:
        value = loader.construct_object(node)
    except _NO_VALUE:
        shown = ascii(node.value[:80])
        raise BadSubmission(f"{shown} is not a value", file=MANIFEST_NAME, place=line) from None
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS:
        raise BadSubmission(
            f"a number of more than {INTEGER_BITS} bits", file=MANIFEST_NAME, place=line
        )
    return value


def _check_files_named(submission: Submission, files: tuple[str, ...]) -> None:
    module = submission.manifest.scorer.partition(":")[0].replace(".", "/")
    if not {f"{module}.py", f"{module}/__init__.py"} & set(files):
        raise BadSubmission(
            f"there is no {module}.py in the submission", file=MANIFEST_NAME, place="scorer"
        )
    own = submission.manifest.own_tokenizer
    if own is None:
        return
    if own not in files:
        raise BadSubmission(
            f"{own!r} is neither `data`, `bytes` nor a file of the submission",
            file=MANIFEST_NAME,
            place="tokenizer",
        )
    path = submission.folder / own
    if path.stat().st_size > TOKENIZER_BYTES:
        raise BadSubmission(f"a tokenizer larger than {TOKENIZER_BYTES} bytes", file=own)
    reserialised(path.read_bytes(), own)
