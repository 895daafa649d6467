"""A script becomes a submission: what is kept, what goes, what is said; nothing of it runs."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.porting import scripts
from tests.shadow.zoo import building
from verifier.cli.main import run
from verifier.errors import BadSubmission, RequestError
from verifier.porting import Port, given, port, read_given, write
from verifier.source import Tree
from verifier.submission import Submission, pull


def ported(text: str, **beside: str) -> Port:
    files = {"train_gpt.py": text, "README.md": scripts.README, **beside}
    tree = Tree(files={name: content.encode() for name, content in files.items()})
    return port(given(tree, "train_gpt.py", "train_gpt.py"))


def needed(made: Port) -> list[str]:
    return [each.what for each in made.remarks if each.needed]


def functions(text: str) -> set[str]:
    return {each.name for each in ast.walk(ast.parse(text)) if isinstance(each, ast.FunctionDef)}


SHAPES = {"plain": scripts.plain, "sliding": scripts.sliding, "adapting": scripts.adapting}


@pytest.mark.parametrize("shape", SHAPES)
def test_training_stays_line_for_line_and_evaluation_goes(shape: str) -> None:
    """Promise: what is left are the script's own lines; nothing of it reads held-out data."""
    text = SHAPES[shape]()
    made = ported(text)
    rows = text.split("\n")
    left = made.files["train.py"].split("\n")
    ours = [row for row in left if row not in rows]
    assert len(ours) == made.counts.changed + made.counts.added
    assert all("contest" in row or row.strip() == "pass" for row in ours)
    assert made.counts.kept + made.counts.changed + made.counts.dropped == len(
        text.rstrip().split("\n")
    )
    code = "\n".join(row for row in left if "val_files" not in row)
    for word in (
        "val_tokens",
        "val_loss",
        "eval_val",
        "byte_table",
        "load_state_dict",
        "import math",
    ):
        assert word not in code, word
    assert {"main", "pack", "unpack", "next_batch"} <= functions(made.files["train.py"])
    assert needed(made) == []


def test_the_model_is_built_and_filled_as_the_script_does_before_it_evaluates() -> None:
    """Promise: `load` has the statements from the model's making to load_state_dict, no others."""
    scorer = ast.parse(ported(scripts.plain()).files["scorer.py"])
    (load,) = [
        each
        for each in ast.walk(scorer)
        if isinstance(each, ast.FunctionDef) and each.name == "load"
    ]
    said = [ast.unparse(each) for each in load.body[1:]]
    assert said[0] == "args = Hyperparameters()"
    assert said[1].startswith("base_model = GPT(")
    assert said[2].startswith("for module in base_model.modules()")
    assert said[3].startswith("with open(artifact / 'final_model.ptz', 'rb') as f")
    assert said[4:] == [
        "state = torch.load(io.BytesIO(zlib.decompress(blob)), map_location='cpu')",
        "base_model.load_state_dict(unpack(state), strict=True)",
        "return base_model",
    ]


def test_a_model_that_gives_only_its_loss_is_taken_up_to_it() -> None:
    """Promise: the method's own statements without targets and loss, under its own autocast."""
    text = ported(scripts.plain()).files["scorer.py"]
    assert "cross_entropy" not in text and "target" not in text
    assert "    return logits.float().flatten(0, 1)" in text
    assert "with torch.autocast(ids.device.type, dtype=torch.bfloat16):" in text


def test_a_method_for_logits_is_called_and_its_windows_are_kept() -> None:
    """Promise: window and stride are the settings that the evaluation reads."""
    text = ported(scripts.sliding()).files["scorer.py"]
    assert "return model.forward_logits(ids)" in text
    assert "window = Hyperparameters.train_seq_len" in text
    assert "stride = Hyperparameters.eval_stride" in text


def test_what_adapts_in_the_evaluation_adapts_in_the_scorer() -> None:
    """Promise: the script's own adapters and optimiser; a chunk is what it learns from at once."""
    made = ported(scripts.adapting())
    text = made.files["scorer.py"]
    assert "return Adapter(1, model, 4)" in text
    assert "lora=self.adapted" in text
    assert ("rate = 0.02" in text, "betas = (0.8, 0.9)" in text, "epsilon = 1e-09" in text) == (
        True, True, True,
    )  # fmt: skip
    assert "stride = Hyperparameters.ttt_chunk_size" in text
    assert "adaptation: document\n" in made.files["verify.yaml"]
    assert "chunk: 128\n" in made.files["verify.yaml"]


def test_settings_of_its_command_are_those_of_training_and_scoring() -> None:
    """Promise: contest.py has them; places of data are the contest's, the seed the verifier's."""
    made = ported(scripts.plain())
    text = made.files["contest.py"]
    assert "'ITERATIONS': '70'" in text and "'WIDTH': '96'" in text
    assert "/root" not in text
    assert "os.environ['DATA_PATH'] = data" in text
    assert "os.environ['SEED'] = sys.argv.pop(1)" in text
    assert '"--nproc_per_node=4", "train.py", "{seed}"' in made.files["verify.yaml"]


def test_what_is_written_is_a_submission(tmp_path: Path) -> None:
    """Promise: the verifier pulls it as it stands."""
    write(ported(scripts.plain()), tmp_path / "mine")
    pulled = pull(str(tmp_path / "mine"), tmp_path / "store")
    assert isinstance(pulled, Submission)
    assert pulled.manifest.scorer == "scorer:Scorer"
    assert pulled.claim.val_bpb is None
    assert {"train.py", "contest.py", "scorer.py", "document_scorer.py"} <= set(pulled.code)


@pytest.mark.parametrize("name", ["baseline", "sliding_window", "packed"])
def test_a_script_in_many_functions_keeps_its_training(name: str, tmp_path: Path) -> None:
    """Promise: tokens that go through `train` become None there, and training goes on."""
    folder = tmp_path / name
    building.build(building.read(name), folder)
    script = next(folder.rglob("train_gpt.py"))
    made = port(read_given(script))
    left = made.files["train.py"]
    assert {"train", "train_step", "export", "store", "restore"} <= functions(left)
    assert not {"score", "evaluate", "read_heldout"} & functions(left)
    assert "train(run, args, model, None, tables)" in left
    assert "contest.look_in(artifact)" in made.files["scorer.py"]
    assert "restore(base_model)" in made.files["scorer.py"]
    assert needed(made) == [
        "`load` puts the model where the script runs: make it, and keep it, on `device`"
    ]
    assert bool(made.layer) == (name == "packed")


def test_training_that_looks_at_held_out_data_is_said() -> None:
    """Promise: what training did with its validation goes, with its line, and a person looks."""
    text = scripts.plain("if val_loss < 1.0: break")
    line = 1 + text.split("\n").index("        if val_loss < 1.0: break")
    (said,) = [each for each in ported(text).remarks if each.needed]
    assert (said.where.value, said.line, said.text) == (
        "train.py", line, "if val_loss < 1.0: break",
    )  # fmt: skip
    assert "depended on held-out data" in said.what


def test_statements_that_share_a_line_are_parted() -> None:
    """Promise: half a line is never dropped; it is said that the text was written anew."""
    text = scripts.plain().replace("    table = byte_table", "    kept = 1; table = byte_table")
    made = ported(text)
    assert "    kept = 1\n" in made.files["train.py"]
    assert "byte_table" not in made.files["train.py"]
    assert any("shared a line" in each.what for each in made.remarks)


def test_what_is_not_found_is_left_to_a_person() -> None:
    """Promise: no artifact, no evaluation, no seed: each is named, and the scorer says so too."""
    made = ported("import os\n\n\ndef main():\n    print(os.name)\n\n\nmain()\n")
    said = " ".join(needed(made))
    for word in ("write `load`", "write `logits`", "the seed", "the shards", "$OUT"):
        assert word in said
    assert made.files["scorer.py"].count("raise NotImplementedError") == 2


# ---------------------------------------------------------------- hostile scripts


HOSTILE = {
    "a syntax error": ("x = 1\ndef f(:\n", r"train_gpt.py:2: does not parse"),
    "a NUL": ("x = 1\nx\0\n", r"NUL"),
    "too deep": ("x = " + "(" * 400 + "1" + ")" * 400, r"nested deeper"),
    "too long": ("x = 1\n" * 200_000, r"bytes long"),
    "nothing but functions": ("def f(): pass\n" * 9_000, r"functions and classes"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_script_that_cannot_be_read_is_refused_with_its_line(name: str) -> None:
    """Promise: one sentence that says what and where."""
    text, said = HOSTILE[name]
    with pytest.raises(BadSubmission, match=said):
        ported(text)


def test_modules_that_import_each_other_end(tmp_path: Path) -> None:
    """Promise: a cycle is followed once, and the modules come along."""
    text = "import other\n" + scripts.plain()
    made = ported(text, **{"other.py": "import train_gpt\nimport other\n"})
    assert made.copied == {"other.py": b"import train_gpt\nimport other\n"}
    with pytest.raises(BadSubmission, match=r"contest.py: a file of that name"):
        ported("import contest\n" + scripts.plain(), **{"contest.py": "x = 1\n"})


def test_nothing_of_a_script_runs_and_its_words_stay_words(tmp_path: Path) -> None:
    """Promise: neither code nor names, settings or claims of a stranger's become ours."""
    mark = tmp_path / "ran"
    evil = f"open({str(mark)!r}, 'w').close()\n"
    readme = '```bash\nA=\'"""\'$(touch x) B="\'); import os #" torchrun train_gpt.py\n```\n'
    claims = json.dumps({"author": '"""\n# x', "name": 3})
    made = ported(evil + scripts.plain(), **{"README.md": readme, "submission.json": claims})
    assert not mark.exists()
    for name in ("contest.py", "scorer.py", "train.py"):
        ast.parse(made.files[name])
    assert json.loads(made.files["submission.json"])["name"] == "port of train_gpt.py"


# ---------------------------------------------------------------- the command


def test_the_command_writes_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Promise: exit code 0, lines counted, what is left; a second time it is refused."""
    script, folder = tmp_path / "train_gpt.py", tmp_path / "mine"
    script.write_text(scripts.plain())
    (tmp_path / "README.md").write_text(scripts.README)
    assert run(["init", "--from", str(script), str(folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["lines"]["dropped"] > 30
    assert [each["needed"] for each in said["left"]] == [False] * 3
    assert (folder / "TODO.md").read_text().startswith("# What is left to do")
    assert run(["init", "--from", str(script), str(folder)]) == 64
    assert "something lies there" in capsys.readouterr().err
    assert run(["init", "--from", str(script), str(tmp_path / "other")]) == 0
    assert "lines of train_gpt.py kept" in " ".join(capsys.readouterr().out.split())


def test_a_script_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    """Promise: both are said before anything is read."""
    with pytest.raises(RequestError, match="no such script"):
        read_given(tmp_path / "nowhere.py")
    large = tmp_path / "large.py"
    large.write_bytes(b"#" * 800_000)
    with pytest.raises(BadSubmission, match="is 800000 bytes long"):
        read_given(large)
