"""What the code of a submission weighs, three ways."""

from __future__ import annotations

from tests.source.scripts import TRAINER, packed
from verifier.screening.screened import CodeWeights
from verifier.screening.weighing import Pack, weigh_code
from verifier.source import Tree, read_closure, read_program
from verifier.source.packing import packed_bytes

CAP = 16_000_000


def weighed(
    files: dict[str, str], *, pack: Pack = Pack.WHEN_IT_DECIDES, model_bytes: int | None = None
) -> CodeWeights:
    tree = Tree(files={name: text.encode() for name, text in files.items()})
    program = read_program(tree)
    assert program is not None
    closure = read_closure(program, tree)
    return weigh_code(program, closure, tree, pack=pack, model_bytes=model_bytes, cap_bytes=CAP)


def test_raw_packed_and_everything_executed_are_weighed() -> None:
    """Promise: three figures, and the files that the last is made of (R1)."""
    script = "import tools\n" + TRAINER
    weights = weighed({"train_gpt.py": script, "tools.py": "x = 1\n"}, pack=Pack.ALWAYS)
    assert weights.raw == len(script)
    assert weights.packed == packed_bytes(script.encode()) < weights.raw
    assert weights.counted == {"tools.py": 6, "train_gpt.py": len(script)}
    assert weights.closure == len(script) + 6


def test_packing_is_done_where_it_decides() -> None:
    """Promise: a triage packs a script only if it would not fit as shipped."""
    files = {"train_gpt.py": TRAINER}
    assert weighed(files).packed is None
    assert weighed(files, model_bytes=CAP - len(TRAINER)).packed is None
    assert weighed(files, model_bytes=CAP - len(TRAINER) + 1).packed is not None


def test_a_script_that_arrives_packed_weighs_what_it_weighs() -> None:
    """Promise: nothing is gained or lost by having packed before."""
    script = packed(TRAINER * 20)
    weights = weighed({"train_gpt.py": script}, pack=Pack.ALWAYS)
    assert weights.packed == weights.raw == len(script)
