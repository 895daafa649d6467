"""What the claimed run's logs do not show running is a note; silence alone is no answer."""

from __future__ import annotations

import pytest

from tests.screening.rules import caches
from tests.screening.rules.caches import cache_script
from tests.screening.rules.scripts import remarks, script, told
from tests.screening.rules.test_byte_mixture import SCRIPT as BYTES
from verifier.screening import Confidence
from verifier.screening.rules import adapting, byte_mixture, ngram

RUN = (
    caches.HASHED.replace("def score(args", "def cached(args")
    + """
def score(args, losses, stream):
    print("plain: scoring windows")
    print("plain: done with windows")
    print(f"final val_bpb:{losses.sum()}")
    if args.choose:
        total = cached(args, losses, stream)
        PRINTED
        return total
    return losses.sum()
"""
)
PLAIN = "plain: scoring windows\nplain: done with windows\nfinal val_bpb:1.1000\n"


CLAIM = '{"val_bpb": 1.1}'


def said(printed: str, log: str, claim: str = CLAIM) -> dict[str, Confidence]:
    text = cache_script(RUN.replace("PRINTED", printed))
    return told(remarks(ngram, text, train_seed1__log=log, submission__json=claim))


@pytest.mark.parametrize(
    ("printed", "log", "confidence"),
    [
        ('print(f"suffixes: total {total}")', PLAIN, Confidence.NOTE),
        ('print(f"suffixes: total {total}")', PLAIN + "suffixes: total 3\n", Confidence.VIOLATION),
        ('print(f"suffixes: total {total}")', PLAIN[:30], Confidence.VIOLATION),
        ('print(f"suffixes: total {total}")', "final val_bpb:1.1\n", Confidence.VIOLATION),
        ('log0(f"suffixes: total {total}")', PLAIN, Confidence.VIOLATION),
        ('if total > 3: print("suffixes: total")', PLAIN, Confidence.VIOLATION),
        ('if rank == 0: print("suffixes: total")', PLAIN, Confidence.NOTE),
        ("pass", PLAIN, Confidence.VIOLATION),
        (
            'print(f"suffixes: total {total}")',
            PLAIN + '    print(f"suffixes: total {total}")\n',
            Confidence.NOTE,
        ),
    ],
)
def test_a_cache_whose_lines_no_log_has_did_not_run(
    printed: str, log: str, confidence: Confidence
) -> None:
    """Near miss: on by default, off in the run; red: shown, unprinted, or printed by another."""
    assert said(printed, log) == {"target-in-hash": confidence}


@pytest.mark.parametrize(
    ("claim", "log"),
    [
        ('{"val_bpb": 1.2}', PLAIN),
        ("{}", PLAIN),
        (CLAIM, PLAIN.replace("final val_bpb", "other_script val_bpb")),
    ],
)
def test_logs_of_another_score_or_another_script_show_nothing(claim: str, log: str) -> None:
    """Red: the claim is no score of these logs, or what made them is not what is shipped."""
    found = said('print(f"suffixes: total {total}")', log, claim)
    assert found == {"target-in-hash": Confidence.VIOLATION}


def test_a_switch_that_the_command_sets_is_believed() -> None:
    """Red: the README's command turns it on; an excerpt of a log may lack the lines."""
    text = cache_script(RUN.replace("PRINTED", 'print(f"suffixes: total {total}")'))
    logs = {"train_seed1__log": PLAIN, "submission__json": CLAIM}
    for command, confidence in (
        ("CHOOSE=1 torchrun --standalone train_gpt.py", Confidence.VIOLATION),
        ("SEED=1 torchrun --standalone train_gpt.py", Confidence.NOTE),
    ):
        readme = {"README__md": f"```\n{command}\n```\n"}
        assert told(remarks(ngram, text, **logs, **readme)) == {"target-in-hash": confidence}


def test_adapting_that_no_log_shows_is_a_note() -> None:
    """The same for what is learned: the line beside the call stands in no log of a whole run."""
    main = """
print("trained for a while")
print("written to a file")
print(f"final val_bpb:{1}")
if args.adapt:
    print("adapting to everything")
    adapt(args, net, held)
print(score(net, held, lengths))
"""
    log = "trained for a while\nwritten to a file\nfinal val_bpb:1.1000\n"
    shown = log.replace("written", "adapting to everything\nwritten")
    for text, confidence in ((log, Confidence.NOTE), (shown, Confidence.VIOLATION)):
        logs = {"train_seed1__log": text, "submission__json": CLAIM}
        found = remarks(adapting, script(main), **logs)
        assert told(found) == {"adapted-before-score": confidence}


@pytest.mark.parametrize(
    ("claimed", "confidence"),
    [
        ('{"val_bpb": 1.06893377}', Confidence.NOTE),
        ('{"val_bpb": 0.862121}', Confidence.VIOLATION),
        ('{"seeds": {"1": {"val_bpb": 0.86212}}, "val_bpb": 0.89}', Confidence.VIOLATION),
        ('{"val_bpb": 0.8651}', Confidence.VIOLATION),
        ('{"name": "none"}', Confidence.VIOLATION),
        ("{", Confidence.VIOLATION),
    ],
)
def test_a_mixture_that_is_printed_beside_the_claim_is_a_note(
    claimed: str, confidence: Confidence
) -> None:
    """Near miss: its result stands in the log, and is not what is claimed."""
    text = BYTES.replace("SHARE", "share = math.exp(-loss / size)")
    told_of = '    bpb = total / spelt\n    print(f"{total} mixture_bpb={bpb:.6f}")\n'
    text = text.replace("UNIFORM", "1.0 / 256.0")
    text = text.replace("    return total / spelt", f"{told_of}    return total / spelt")
    logs = {"train_seed1__log": "3 mixture_bpb=0.862121\nfinal val_bpb:1.06893377\n"}
    found = remarks(byte_mixture, text, submission__json=claimed, **logs)
    assert told(found) == {"token-spread-over-bytes": confidence}
