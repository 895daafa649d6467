"""The zoo's cases build, and say what they are.

Whether each does what it says is what the tests of shadow runs show.
"""

from __future__ import annotations

import ast
import base64
import json
import lzma
import sys
from pathlib import Path

import pytest

from tests.shadow.zoo import building

CASES = {name: building.read(name) for name in building.names()}
NEWER = {"newer_python"}
SHOWS = {"total", "tempted", "future", "artifact", "reads", "bytes", "coverage", "target"}
RULES = {
    "BYTE_DOUBLE_SPACE",
    "BYTE_FALLBACK3",
    "BYTE_HARDCODED",
    "BYTE_NO_U2581",
    "GPTQ_EVAL_TRAINDATA",
    "GPTQ_VALCALIB",
    "MIXER_NONNORM",
    "NGRAM_HASH",
    "NGRAM_HINDSIGHT",
    "NGRAM_TARGET_GATE",
    "PAID_PREFIX",
    "PARTIAL_VAL",
    "PPM_C2",
    "SLOT",
    "TRAIN_ON_VAL",
    "TTT_MULTIEPOCH",
    "TTT_PREQUANT",
    "TTT_PRETRAIN",
    "TTT_RESCORE",
    "TTT_WARMUP_ON_VAL",
    "TWO_PASS",
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request: pytest.FixtureRequest) -> building.Case:
    """Each case."""
    made: building.Case = request.param
    return made


def unpacked(text: str) -> str:
    """The script itself, of one that unpacks itself too."""
    if not text.startswith("import base64"):
        return text
    packed = ast.literal_eval(text[text.index("b85decode(") + 10 : text.rindex(")))")])
    return lzma.decompress(base64.b85decode(packed)).decode()


def test_a_case_becomes_a_submission(case: building.Case, tmp_path: Path) -> None:
    """One folder in the competition's form: script, README with its command, claims."""
    folder = building.build(case, tmp_path / "made")
    assert {each.name for each in folder.iterdir()} == {
        "README.md",
        "submission.json",
        "train_gpt.py",
    }
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert f"{case.launch} RUN_ID={case.name} torchrun".strip() in readme
    assert json.loads((folder / "submission.json").read_text(encoding="utf-8"))["val_bpb"] > 0


def test_a_case_parses(case: building.Case) -> None:
    """With the oldest Python that the project knows, unless the case says otherwise."""
    text = unpacked(building.script(case))
    if case.name in NEWER and sys.version_info < (3, 12):
        with pytest.raises(SyntaxError):
            ast.parse(text)
    else:
        ast.parse(text, feature_version=(3, 11))


def test_a_case_says_what_it_is(case: building.Case) -> None:
    """Its class, the answer it must get, what it breaks and by what that shows."""
    if case.expected == building.REFUTED:
        assert case.rule in RULES
        assert case.breaks in {"C1", "C2", "C3", "C4", "R3", "R4", "R6", "R8"}
        assert set(case.shows.split(", ")) <= SHOWS
    else:
        assert case.expected == building.CLEAN
        assert case.rule in {"none", "TTT_WARMUP_ON_VAL"}
        assert (case.breaks, case.shows) == ("nothing", "nothing")


def test_a_case_differs_from_the_honest_script(case: building.Case) -> None:
    """All but the honest one; the packed one in its form alone."""
    text, honest = building.script(case), building.BASE.read_text(encoding="utf-8")
    assert (text == honest) == (case.name == "baseline")
    assert (unpacked(text) == honest) == (case.name in {"baseline", "packed"})


def test_a_case_holds_nothing_of_the_zoo(case: building.Case) -> None:
    """Neither its imports nor its expected answer."""
    text = unpacked(building.script(case))
    assert "tests.shadow" not in text
    assert "REFUTED" not in text


def test_no_name_is_defined_twice(case: building.Case) -> None:
    """What a case defines takes the place of the base's, and never stands beside it."""
    if case.name in NEWER and sys.version_info < (3, 12):
        return
    tree = ast.parse(unpacked(building.script(case)))
    for body in (tree.body, *(each.body for each in tree.body if isinstance(each, ast.ClassDef))):
        defined = [building.defined(each) for each in body if building.defined(each)]
        assert len(defined) == len(set(defined))


def test_every_class_that_must_be_refuted_has_a_case() -> None:
    """As the list of classes that behaviour can show has it."""
    assert {case.rule for case in CASES.values()} == RULES | {"none"}
