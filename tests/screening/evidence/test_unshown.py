"""A claim whose script computes no score, or cannot have printed the log, asks for a person."""

from __future__ import annotations

import pytest

from tests.screening.evidence.submissions import SCRIPT, changed_logs, files, remarks
from verifier.screening import Confidence

SCORED = "    val_loss, val_bpb = score(model, load(VAL_FILES), torch.ones(1024))\n"


def asked(contents: dict[str, bytes]) -> set[str]:
    return {each.rule for each in remarks(contents) if each.confidence is Confidence.REVIEW}


@pytest.mark.parametrize(
    "instead",
    [
        "    val_loss, val_bpb = 2.9, 1.2001\n",
        '    val_loss, val_bpb = 2.9, float(open("score.txt").read())\n',
        "    val_loss, val_bpb = 2.9, 1.2 + 0.0001 * torch.rand(()).item()\n",
        "    val_loss = val_bpb = F.cross_entropy(torch.rand(9, 9), torch.arange(9)).item()\n",
        "    if False:\n    " + SCORED + "    val_loss, val_bpb = 2.9, 1.2001\n",
    ],
)
def test_a_claim_that_no_loss_leads_to_asks_for_a_person(instead: str) -> None:
    """Red: a number that is written down, read from a file, drawn, or of no held-out token."""
    assert SCORED in SCRIPT
    assert "score-not-shown" in asked(files(train_gpt__py=SCRIPT.replace(SCORED, instead)))


def test_a_claim_that_its_script_computes_is_left_alone() -> None:
    """Near miss: the honest script."""
    assert not asked(files())


def test_a_folder_without_a_claim_is_left_alone() -> None:
    """Near miss: a script that computes no score, and nobody says that it does."""
    assert "score-not-shown" not in asked(
        files(submission__json='{"name": "a study"}', train_gpt__py="print(1)\n")
    )


def test_a_script_that_only_unpacks_is_read_unpacked() -> None:
    """Near miss: the words of the log stand in what is unpacked."""
    from tests.source.scripts import packed

    assert not asked(files(train_gpt__py=packed(SCRIPT))) & {
        "score-not-shown",
        "score-line-not-printed",
    }


@pytest.mark.parametrize("label", ["Best observed", "storage_pass_exact", "final_rescored_exact"])
def test_a_line_that_no_script_prints_asks_for_a_person(label: str) -> None:
    """Red: the claim rests on a line with words of its own."""
    line = f"{label} val_loss:2.0 val_bpb:1.20010203"
    assert "score-line-not-printed" in asked(changed_logs(exact=line, final=""))


@pytest.mark.parametrize(
    "shown", ['f"final_{kind}_roundtrip_exact', '"final_" + kind + "_roundtrip_exact']
)
def test_a_line_that_is_put_together_is_left_alone(shown: str) -> None:
    """Near miss: its words stand in the script, if not side by side."""
    script = SCRIPT.replace('f"final_int8_roundtrip_exact', shown, 1)
    assert "score-line-not-printed" not in asked(files(train_gpt__py=script))
