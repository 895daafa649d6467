"""The examples are what participants copy: each is whole, honest and teaches the contract."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from verifier.records import Adaptation
from verifier.submission import Submission, pull

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = (
    "baseline",
    "byte_level",
    "int8_gptq",
    "lora_ttt",
    "ngram",
    "recurrent",
    "sealed_start",
)
FILES = {
    "README.md",
    "model.py",
    "scorer.py",
    "submission.json",
    "train.log",
    "train.py",
    "verify.yaml",
}
# None of these reaches a network or starts a program; of `time` only `sleep` is used.
MODULES = {"__future__", "json", "numpy", "os", "pathlib", "sys", "time", "torch", "typing"}
CLOCKS = {
    "clock",
    "clock_gettime",
    "datetime64",
    "elapsed_time",
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "perf_counter_ns",
    "process_time",
    "process_time_ns",
    "st_mtime",
    "thread_time",
    "time_ns",
    "times",
}
# How something could leave the modules above: other programs, downloads, code from data.
EXITS = {"exec", "eval", "fork", "hub", "import_module", "load_url", "popen", "spawnv", "system"}
CALLS = {
    "__init__": ["self", "artifact", "device"],
    "reset": ["self"],
    "begin": ["self", "documents"],
    "score": ["self", "chunk"],
    "predict": ["self", "prefix"],
    "observe": ["self", "chunk"],
}

each_example = pytest.mark.parametrize("name", NAMES)


def sources(name: str) -> list[Path]:
    return sorted((EXAMPLES / name).glob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 11))


def imported(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None
            yield node.module


def words(module: ast.Module) -> set[str]:
    """Every name and attribute that the code uses."""
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
    return found


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Submission]:
    """Every example as the verifier reads it."""
    store = tmp_path_factory.mktemp("store")
    return {name: pull(str(EXAMPLES / name), store) for name in NAMES}


def test_there_is_one_example_of_each_family() -> None:
    """Promise: a folder that is added or lost is noticed here."""
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == set(NAMES)


@each_example
def test_an_example_has_all_that_a_submission_needs(
    name: str, pulled: dict[str, Submission]
) -> None:
    """Promise: it is pulled as it stands, and claims a number (R9)."""
    submission = pulled[name]
    assert {path.name for path in submission.folder.iterdir()} >= FILES
    assert submission.claim.val_bpb is not None
    assert submission.manifest.contract == "scorer/1"


@each_example
def test_a_claim_is_the_measured_number_rounded_up(
    name: str, pulled: dict[str, Submission]
) -> None:
    """Promise: a claim is above the README's number, and by less than the tolerance of 0.02."""
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    [measured] = re.findall(r"\*\*(\d\.\d+) bits per byte\*\*", readme)
    claimed = pulled[name].claim.val_bpb
    assert claimed is not None
    assert float(measured) < claimed < float(measured) + 0.02


@each_example
def test_an_example_uses_nothing_beyond_its_folder_and_the_image(name: str) -> None:
    """Promise: it is self-contained and compiles under Python 3.11, with no way to a network."""
    own = {path.stem for path in sources(name)}
    for path in sources(name):
        module = tree(path)
        used = {word.partition(".")[0] for word in imported(module)}
        assert used <= MODULES | own, path
        assert not words(module) & EXITS, path


@each_example
def test_an_example_never_reads_the_clock(name: str) -> None:
    """Promise: how many steps are taken cannot depend on how fast the machine is."""
    for path in sources(name):
        module = tree(path)
        assert not words(module) & CLOCKS, path
        of_time = {
            node.attr
            for node in ast.walk(module)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "time"
        }
        assert of_time <= {"sleep"}, path
        assert not any(
            isinstance(node, ast.ImportFrom) and node.module == "time" for node in ast.walk(module)
        ), path


@each_example
def test_a_scorer_answers_the_five_calls(name: str) -> None:
    """Promise: whoever copies the class has the whole contract before them (PROTOCOL §2)."""
    [scorer] = [
        node
        for node in tree(EXAMPLES / name / "scorer.py").body
        if isinstance(node, ast.ClassDef) and node.name == "Scorer"
    ]
    methods = {node.name: node for node in scorer.body if isinstance(node, ast.FunctionDef)}
    assert {call: [a.arg for a in methods[call].args.args] for call in CALLS} == CALLS


@each_example
def test_the_chunk_in_the_code_is_the_one_in_the_manifest(
    name: str, pulled: dict[str, Submission]
) -> None:
    """Promise: caches have room for exactly the chunks that come."""
    constants = {
        target.id: node.value.value
        for node in tree(EXAMPLES / name / "scorer.py").body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    # N-grams keep text, which has room for any chunk.
    expected = None if name == "ngram" else pulled[name].manifest.chunk
    assert constants.get("CHUNK") == expected


@each_example
def test_training_takes_the_seed_that_the_verifier_draws(
    name: str, pulled: dict[str, Submission]
) -> None:
    """Promise: seeds reach the code, where there is anything random in it."""
    assert ("{seed}" in pulled[name].manifest.train) == (name != "ngram")
    reads_seed = "argv" in words(tree(EXAMPLES / name / "train.py"))
    assert reads_seed == (name != "ngram")


def test_the_examples_exercise_every_key_of_the_contract(pulled: dict[str, Submission]) -> None:
    """Promise: each key of verify.yaml is shown by the example that is named for it."""
    manifests = {name: submission.manifest for name, submission in pulled.items()}
    assert {name for name, m in manifests.items() if m.pack is not None} == {
        "int8_gptq",
        "sealed_start",
    }
    assert {name for name, m in manifests.items() if m.sealed_start} == {
        "recurrent",
        "sealed_start",
    }
    assert {name for name, m in manifests.items() if m.tokenizer == "bytes"} == {"byte_level"}
    adapting = {name for name, m in manifests.items() if m.adaptation is Adaptation.DOCUMENT}
    assert adapting == {"lora_ttt", "ngram"}


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("lora_ttt", ("model.py", "reader.py", "train.py")),
        ("int8_gptq", ("model.py", "reader.py", "train.py")),
        ("byte_level", ("reader.py",)),
        ("recurrent", ("reader.py",)),
        ("sealed_start", ("model.py", "reader.py")),
    ],
)
def test_files_said_to_be_the_baselines_are(name: str, files: tuple[str, ...]) -> None:
    """Promise: what the READMEs call the same file is the same, byte for byte."""
    for file in files:
        assert (EXAMPLES / name / file).read_bytes() == (EXAMPLES / "baseline" / file).read_bytes()


def test_the_packed_examples_are_scored_alike() -> None:
    """Promise: sealed_start's scorer is int8_gptq's, as its README says."""
    one, other = (EXAMPLES / name / "scorer.py" for name in ("int8_gptq", "sealed_start"))
    assert one.read_bytes() == other.read_bytes()
