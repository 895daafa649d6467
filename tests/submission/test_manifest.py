"""verify.yaml and submission.json: complete, known and possible, or an error with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.submission.folders import CLAIMS, MANIFEST, submission_folder
from verifier import policy as policies
from verifier.errors import BadSubmission
from verifier.submission import Script, pull, require_allowed, schema
from verifier.submission.claims import parse_claims
from verifier.submission.manifest import ScriptManifest, read_manifest


@pytest.mark.parametrize(
    ("change", "line", "why"),
    [
        (("rows: 16", "rowz: 16"), "6", "did you mean `rows`"),
        (("rows: 16\n", ""), "1", "'rows' is missing"),
        (("rows: 16", "rows: many"), "6", "rows"),
        (("rows: 16", "rows: 0"), "6", "rows"),
        (("rows: 16", "rows: true"), "6", "rows"),
        (("rows: 16", "rows: 16\nrows: 17"), "7", "stands twice"),
        (("adaptation: none", "adaptation: all"), "5", "adaptation"),
        (("scorer/1", "script/1"), "2", "unknown key 'train'"),
        (("scorer/1", "scorer/2"), "1", "did you mean scorer/1"),
        (('[python3, train.py, "{seed}"]', "python3 train.py"), "2", "list of strings"),
        (('[python3, train.py, "{seed}"]', "[python3, 3]"), "2", "list of strings"),
        (('[python3, train.py, "{seed}"]', "[]"), "2", "list of strings"),
        (('[python3, train.py, "{seed}"]', "{a: b}"), "2", "neither a value nor"),
        (("model:Model", "model.py"), "3", "MODULE:CLASS"),
        (("rows: 16", "rows: !!python/object:os.system 16"), "6", "not YAML"),
        (("rows: 16", "rows: ["), "8", "not YAML"),
        ((MANIFEST, "[" * 5000), "", "not YAML"),
        ((MANIFEST, ""), "1", "not a mapping"),
        ((MANIFEST, "? [a]\n: b"), "1", "not a word"),
        ((MANIFEST, "#" * 70_000), "", "larger than"),
    ],
)
def test_what_is_wrong_in_verify_yaml_is_named_with_its_line(
    change: tuple[str, str], line: str, why: str
) -> None:
    """Promise: an author can jump to the mistake; no key is skipped or guessed."""
    with pytest.raises(BadSubmission, match=why) as refused:
        read_manifest(MANIFEST.replace(*change).encode())
    assert refused.value.file == "verify.yaml"
    assert refused.value.place == line


@pytest.mark.parametrize(
    ("change", "line", "why"),
    [
        (("adaptation: none", "adaptation: stream"), 5, "none or document is"),
        (("rows: 16", "rows: 257"), 6, "more than 256"),
        (("chunk: 32", "chunk: 4097"), 7, "more than 4096"),
    ],
)
def test_what_the_policy_does_not_allow_is_named_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, why: str
) -> None:
    """Promise: said before anything is built or trained."""
    rule = policies.load("local_cpu").policy.score
    assert change[0] in MANIFEST
    folder = submission_folder(tmp_path / "given", manifest=MANIFEST.replace(*change))
    submission = pull(str(folder), tmp_path / "store")
    with pytest.raises(BadSubmission, match=why) as refused:
        require_allowed(submission, rule)
    assert refused.value.place == str(line)
    require_allowed(pull(str(submission_folder(tmp_path / "fine")), tmp_path / "store"), rule)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('rows: !!int ""', "is not a value"),
        ("rows: !!float ''", "is not a value"),
        ("sealed_start: !!bool perhaps", "'perhaps' is not a value"),
        ("train: [!!timestamp x]", "'x' is not a value"),
        ('train: "\\UFFFFFFFF"', "not YAML"),
        ("contract: 0x" + "f" * 5000, "a number of more than 64 bits"),
        ("rows: 0x" + "f" * 5000, "a number of more than 64 bits"),
        ("contract: script/1\nenvironment: {A: 0x" + "f" * 5000 + "}", "more than 64 bits"),
        ('"\\ud800": 1', "a key is not a word"),
    ],
)
def test_a_value_that_yaml_itself_cannot_make_is_named(content: str, why: str) -> None:
    """Attack: tags, escapes and numbers over which the library, or Python, raises its own."""
    with pytest.raises(BadSubmission, match=why):
        read_manifest(content.encode())


@given(st.one_of(st.text(max_size=60).map(str.encode), st.binary(max_size=60)))
def test_any_bytes_are_no_manifest_or_a_named_error(content: bytes) -> None:
    """Promise: hostile YAML ends in our own error."""
    with pytest.raises(BadSubmission):
        read_manifest(content)


def test_the_schema_lists_every_key() -> None:
    """Promise: the exported schema is that of the manifest that is read."""
    exported = schema()
    assert set(exported["required"]) == {
        "contract", "train", "scorer", "tokenizer", "adaptation", "rows", "chunk",
    }  # fmt: skip
    assert {"pack", "sealed_start"} < set(exported["properties"])
    assert exported["additionalProperties"] is False


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("model:Model", "other:Model"), "no other.py"),
        (("tokenizer: data", "tokenizer: own.model"), "neither `data`, `bytes` nor a file"),
        (("tokenizer: data", "tokenizer: README.md"), "not a SentencePiece model"),
    ],
)
def test_files_that_the_manifest_names_must_be_there(
    tmp_path: Path, change: tuple[str, str], why: str
) -> None:
    """Promise: found before anything is built or trained."""
    folder = submission_folder(tmp_path / "given", manifest=MANIFEST.replace(*change))
    with pytest.raises(BadSubmission, match=why):
        pull(str(folder), tmp_path / "store")


def test_missing_claims_are_named_with_what_to_write(tmp_path: Path) -> None:
    """A scorer says whose it is."""
    folder = submission_folder(tmp_path / "given")
    (folder / "submission.json").unlink()
    with pytest.raises(BadSubmission, match=r"is missing.*write") as refused:
        pull(str(folder), tmp_path / "store")
    assert refused.value.file == "submission.json"


@pytest.mark.parametrize("manifest", [None, "contract: script/1\n"])
def test_what_names_no_scorer_is_a_script(tmp_path: Path, manifest: str | None) -> None:
    """Without verify.yaml, whatever else is missing; or where it says so."""
    folder = submission_folder(tmp_path / "given")
    (folder / "submission.json").unlink()
    (folder / "verify.yaml").unlink()
    if manifest is not None:
        (folder / "verify.yaml").write_text(manifest)
    script = pull(str(folder), tmp_path / "store")
    assert isinstance(script, Script)
    assert "train.py" in script.files
    assert (script.folder / "train.py").read_bytes() == (folder / "train.py").read_bytes()


def test_a_script_may_pin_command_environment_and_packages(tmp_path: Path) -> None:
    """A word or a list for the command; nothing of it is needed."""
    text = (
        "contract: script/1\ncommand: SEED=1 python3 t.py\nenvironment:\n  A: 1\npackages: [g++]\n"
    )
    found = read_manifest(text.encode())
    assert isinstance(found, ScriptManifest)
    assert (found.command, found.environment) == ("SEED=1 python3 t.py", {"A": 1})
    assert found.packages == ("g++",)
    folder = submission_folder(tmp_path / "given", manifest=text)
    assert getattr(pull(str(folder), tmp_path / "store"), "packages", ()) == ("g++",)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("comand: x", "did you mean `command`"),
        ("environment: {A: [1]}", "neither a value nor"),
        ("packages: ['rm -rf']", "packages"),
        ("environment: 3", "environment"),
    ],
)
def test_what_is_wrong_in_a_scripts_manifest_is_named_with_its_line(line: str, why: str) -> None:
    """As for a scorer."""
    with pytest.raises(BadSubmission, match=why) as refused:
        read_manifest(f"contract: script/1\n{line}\n".encode())
    assert refused.value.place == "2"


def claims(**changed: object) -> bytes:
    return json.dumps({**CLAIMS, **changed}, indent=1).encode()


@pytest.mark.parametrize(
    ("content", "place", "why"),
    [
        (claims(val_bpb="1.8"), "5", "must be a number"),
        (claims(val_bpb=True), "5", "must be a number"),
        (claims(val_bpb=0), "5", "above 0"),
        (claims(val_bpb=-1.0), "5", "above 0"),
        (claims(val_bpb=10**400), "5", "above 0"),
        (claims(val_bpb=float("nan")), "", "NaN is not a number"),
        (b'{"author": "Ada", "name": "it",\n "vl_bpb": 1.2}', "2", "did you mean `val_bpb`"),
        (claims(author=["Ada"]), "2", "must be a string"),
        (claims(author="  "), "2", "is empty"),
        (claims(author=None), "2", "is missing"),
        (claims(name="a\nb"), "4", "printable"),
        (claims(name="a\ud800"), "4", "printable"),
        (claims(seeds=3), "6", "must be a list"),
        (claims(seeds=[1, -1]), "6", "integers from 0"),
        (b'{"author": "Ada",\n "author": "Eve"}', "2", "stands twice"),
        (b'{\n"author": }', "2", "not JSON"),
        (b"[]", "1", "not a JSON object"),
        (b"\xff", "byte 0", "not UTF-8"),
        (b"[" * 100_000, "", "not JSON"),
        (b'{"val_bpb": ' + b"1" * 5000 + b"}", "", "not JSON"),
    ],
)
def test_what_is_wrong_in_submission_json_is_named_with_its_line(
    content: bytes, place: str, why: str
) -> None:
    """Promise: impossible claims are refused by key and line before anything runs."""
    with pytest.raises(BadSubmission, match=why) as refused:
        parse_claims(content)
    assert refused.value.file == "submission.json"
    assert refused.value.place == place


def test_keys_that_are_not_read_here_are_kept() -> None:
    """Promise: what the competition adds to submission.json is no error."""
    read = parse_claims(claims(blurb="ours", seeds=[1, 2], val_bpb=2))
    assert read.others == {"blurb": "ours"}
    assert read.claim().seeds == (1, 2)
    assert read.val_bpb == 2.0
