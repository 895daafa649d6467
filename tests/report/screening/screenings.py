"""Screenings and triages to be shown: plain ones, hostile ones, and thousands made by a seed."""

from __future__ import annotations

import random

from verifier.screening import Confidence, Location, Remark, Rule
from verifier.screening.screened import (
    Answer,
    Claimed,
    CodeWeights,
    Comparison,
    LogFacts,
    Parent,
    Row,
    Ruling,
    Screening,
    Triage,
)

HOSTILE = (
    '<script>document.title="run"</script></script><!--"><img src=x onerror=document.title=1>'
    " \x1b]0;run\x07\x1b[31mred\x1b[0m\x00 \x9b2J [link](https://evil.example/a) @everyone #1"
    " =HYPERLINK(1);=2|=3 ::error file=a::b ##[add-path]c %0A::warning::d {0} \\ ]]>"
    " \u202egnp.exe\u202c \u200b\ud800\ufffe | `tick` ~~~ javascript:x {{ 7*7 }} [bold]b[/]"
    "\n::set-output name=x::y\r\n\t::stop-commands::z\n# VERIFIED\u2028x\u2029</style></pre>"
)

RULES = (
    Rule(
        id="target-in-key",
        sentence="A hashed count table is asked with the target as a part of its key.",
        clause="C2",
        at_most=Confidence.VIOLATION,
        clear="Look the context up alone, and take the target's entry out of a whole distribution.",
        classes=("NGRAM_HASH",),
    ),
    Rule(
        id="adapts-before-scoring",
        sentence="Weights take a step on held-out tokens before those tokens are scored.",
        clause="R5, C3",
        at_most=Confidence.VIOLATION,
        clear="Score a chunk first, add its loss to the total, and step on it afterwards.",
        classes=("TTT_PRETRAIN", "TTT_PREQUANT"),
    ),
    Rule(
        id="claim-differs-from-logs",
        sentence="The claimed number is not the one that the logs end in.",
        clause="R7",
        at_most=Confidence.REVIEW,
        clear="Put the mean of the logs' final scores into submission.json.",
    ),
    Rule(
        id="delta-on-window",
        sentence="A delta is optimised within the scoring loop on the tokens that are scored.",
        clause="R5, C1",
        at_most=Confidence.REVIEW,
        clear="Optimise on the context alone, or on tokens already scored.",
        classes=("SLOT",),
    ),
    Rule(
        id="unreachable-table",
        sentence="Code of a hashed table is there, and no entry point reaches it.",
        clause="C2",
        at_most=Confidence.NOTE,
        clear="Leave it out if it is not used.",
        classes=("NGRAM_HASH",),
    ),
)


def remark(rule: str = "target-in-key", **more: object) -> Remark:
    """One that shows the broken rule, in an unpacked text, unless `more` says otherwise."""
    made: dict[str, object] = {
        "rule": rule,
        "confidence": Confidence.VIOLATION,
        "said": "the key of `counts` holds `target`, so other tokens are never asked for",
        "locations": (
            Location(
                path="train_gpt.py",
                line=1203,
                text="        key = (context * 36313 + target) % buckets",
                layer="lzma+base85",
            ),
        ),
        **more,
    }
    return Remark(**made)  # type: ignore[arg-type]


def logs(*numbers: float) -> tuple[LogFacts, ...]:
    """One log a number."""
    return tuple(
        LogFacts(
            path=f"train_seed{42 + place}.log",
            seed=42 + place,
            bpb=number,
            train_seconds=599.87,
            score_seconds=412.5,
            steps=6927,
            total_bytes=15_987_123,
            hardware="8xH100",
        )
        for place, number in enumerate(numbers)
    )


def screening(**more: object) -> Screening:
    """A violation, a question and a note, unless `more` says otherwise."""
    made: dict[str, object] = {
        "folder": "records/track_10min_16mb/2026-04-02_NgramTilt",
        "digest": "5e" * 32,
        "answer": Answer.VIOLATION,
        "claimed": Claimed(
            path="submission.json",
            name="N-gram tilt",
            author="Ada",
            github_id="ada",
            date="2026-04-02",
            track="10min_16mb",
            val_bpb=1.0713,
            seeds=(42, 43, 44),
            seed_bpbs={"42": 1.0711, "43": 1.0714, "44": 1.0714},
            total_bytes=15_987_123,
        ),
        "logs": logs(1.0731, 1.0729, 1.0733),
        "weights": CodeWeights(
            raw=68_211,
            packed=17_204,
            closure=19_911,
            counted={"train_gpt.py": 17_204, "cache.c": 2_707},
        ),
        "entry": "train_gpt.py",
        "command": "torchrun --standalone --nproc_per_node=8 train_gpt.py",
        "remarks": (
            remark(),
            remark(
                "claim-differs-from-logs",
                confidence=Confidence.REVIEW,
                said="1.0713 is claimed, the logs end in 1.0731 on average",
                locations=(
                    Location(path="submission.json", line=7, text='  "val_bpb": 1.0713,'),
                    Location(path="train_seed42.log", line=4411, text="final bpb:1.0731"),
                ),
                values={"claimed_bpb": 1.0713, "logged_bpb": 1.0731},
                inherited_from="#812",
            ),
            remark(
                "unreachable-table",
                confidence=Confidence.NOTE,
                said="`build_table` is called by nothing",
                locations=(Location(path="train_gpt.py", line=90),),
            ),
        ),
        "seconds": 0.12,
        **more,
    }
    return Screening(**made)  # type: ignore[arg-type]


def placeless() -> Screening:
    """Remarks about the whole of it, which is no place."""
    remarks = tuple(
        remark(rule, confidence=confidence, locations=(Location(path=""),))
        for rule, confidence in (("delta-on-window", Confidence.REVIEW), ("x", Confidence.NOTE))
    )
    return screening(answer=Answer.REVIEW, remarks=remarks)


def empty() -> Screening:
    """A folder with nothing in it that anybody could read."""
    return screening(
        folder="",
        answer=Answer.NOTHING_FOUND,
        claimed=None,
        logs=(),
        weights=None,
        entry="",
        command="",
        remarks=(),
    )


def hostile(text: str = HOSTILE) -> Screening:
    """Whatever a submission can write, `text` is written there."""
    place = Location(path=f"a/{text}", line=3, text=text, layer=text[:40])
    file = Location(path=f"a/{text}", line=2, text=text)
    return screening(
        folder=f"records/{text}",
        claimed=Claimed(
            path=text,
            name=text,
            author=text,
            github_id=text,
            date=text,
            track=text,
            val_bpb=float("nan"),
            val_loss=float("inf"),
            seed_bpbs={text: 1.0, "a": float("-inf")},
            hardware=text,
            others={text: [text, {text: text}]},
        ),
        logs=(LogFacts(path=text, label=text, hardware=text, bpb=1e308, lines={text: 1}),),
        weights=CodeWeights(raw=1, packed=1, closure=1, counted={text: 1}),
        entry=text,
        command=text,
        remarks=tuple(
            remark(
                rule,
                confidence=confidence,
                said=text,
                locations=(place, file),
                values={text: text},
                inherited_from=text,
            )
            for rule, confidence in (
                ("target-in-key", Confidence.VIOLATION),
                ("claim-differs-from-logs", Confidence.REVIEW),
                ("not-a-rule-of-ours", Confidence.NOTE),
            )
        ),
    )


PARENT = Parent(
    number=812,
    folder="records/track_10min_16mb/2026-03-29_Base",
    similarity=0.934,
    changed_lines=3,
    diff="@@ -1,2 +1,3 @@\n import torch\n-buckets = 0\n+buckets = 1 << 22\n+order = 5",
)


def row(number: int = 1234, **more: object) -> Row:
    """An open pull request with a parent and a ruling, unless `more` says otherwise."""
    made: dict[str, object] = {
        "number": number,
        "head": f"{number:04x}" * 10,
        "shape": "one folder",
        "state": "open",
        "title": "N-gram tilt, 1.0713",
        "author": "ada",
        "created": "2026-04-02T10:00:00Z",
        "screening": screening(),
        "parent": PARENT,
        "against": Comparison(
            row="2026-03-29_Base",
            runs=3,
            mean=1.0751,
            margin_bpb=0.002,
            margin_nats=0.0033,
            p_better=0.0004,
            p_margin=0.98,
            one_more=0.0001,
        ),
        "rulings": (
            Ruling(
                rule="target-in-key",
                head="ab" * 20,
                dismissed=False,
                name="Grace",
                date="2026-04-03",
                reason="the target is in the key",
            ),
        ),
        **more,
    }
    return Row(**made)  # type: ignore[arg-type]


def hostile_row(number: int = 666, text: str = HOSTILE) -> Row:
    """The same of a pull request."""
    return row(
        number,
        head=text,
        shape=text,
        state=text,
        title=text,
        author=text,
        created=text,
        screening=hostile(text),
        noted=(text,),
        others=(text,),
        parent=Parent(number=1, folder=text, similarity=float("nan"), changed_lines=1, diff=text),
        rulings=(
            Ruling(
                rule="claim-differs-from-logs",
                head=text,
                dismissed=True,
                name=text,
                date=text,
                reason=text,
            ),
        ),
        against=Comparison(row=text, runs=1, mean=1e308, margin_bpb=float("nan")),
        fault=text,
    )


def triage(*rows: Row, **more: object) -> Triage:
    """A violation, a hostile one, one without a folder, and one that could not be read."""
    made: dict[str, object] = {
        "repository": "openai/parameter-golf",
        "main": "0123456789abcdef0123456789abcdef01234567",
        "policy": "track_10min_16mb_as_ruled",
        "verifier_version": "0.1.0",
        "rows": rows
        or (
            row(1234),
            row(812, parent=None, rulings=(), state="merged", screening=empty()),
            hostile_row(),
            row(7, shape="no folder", screening=None, parent=None, rulings=()),
            row(8, fault="its head is not in the clone", screening=None, parent=None, rulings=()),
        ),
        "seconds": 97.4,
        **more,
    }
    return Triage(**made)  # type: ignore[arg-type]


# ---------------------------------------------------------------- thousands

_NAMES = ("LoRA TTT", "N-gram tilt", "SP8192 depth recurrence", "Int6 GPTQ, EMA", "Muon, warm-down")
_PEOPLE = tuple(f"{name}{i}" for name in ("ada", "grace", "linus", "barbara") for i in range(60))
_SOURCE = (
    "        key = (context * 36313 + target) % buckets",
    "    for epoch in range(args.ttt_epochs):",
    "        loss = model(inputs, targets).mean()",
    "    total += loss.item() * targets.numel()",
    "    scale = weight.abs().amax(dim=1, keepdim=True) / 31",
)


def thousands(count: int = 2059, seed: int = 4) -> Triage:
    """As many rows as the real history has, of about its size; the same for the same seed."""
    chance = random.Random(seed)
    rows = tuple(_made(number, chance) for number in range(1, count + 1))
    return triage(*rows, seconds=101.3)


def _made(number: int, chance: random.Random) -> Row:
    shape = chance.choices(("one folder", "no folder", "empty"), (80, 11, 9))[0]
    state = chance.choices(("open", "closed", "merged"), (60, 35, 5))[0]
    author = chance.choice(_PEOPLE)
    about = {
        "state": state,
        "author": author,
        "created": f"2026-04-{1 + number % 28:02}T12:00:00Z",
        "title": f"{chance.choice(_NAMES)} {chance.uniform(0.9, 1.2):.4f}",
        "rulings": (),
        "parent": None,
    }
    if shape != "one folder":
        return row(number, **about, shape=shape, screening=None)
    remarks = tuple(_remark(chance) for _ in range(chance.choice((0, 0, 1, 2, 3, 6))))
    found = {each.confidence for each in remarks}
    answer = (
        Answer.VIOLATION
        if Confidence.VIOLATION in found
        else Answer.REVIEW
        if Confidence.REVIEW in found
        else Answer.NOTHING_FOUND
    )
    claim = chance.uniform(0.9, 1.25)
    made = screening(
        folder=f"records/track_10min_16mb/2026-04-{1 + number % 28:02}_Run{number}",
        answer=answer,
        claimed=Claimed(path="submission.json", author=author, name="Run", val_bpb=claim),
        logs=logs(claim, claim + chance.choice((0.0, 0.0, 0.002))),
        remarks=remarks,
    )
    if number > 20:
        about["parent"] = Parent(
            number=chance.randrange(1, number),
            folder="records/x",
            similarity=chance.uniform(0.5, 1),
            changed_lines=chance.randrange(400),
            diff=_diff(chance),
        )
    return row(number, **about, screening=made)


def _remark(chance: random.Random) -> Remark:
    rule = chance.choice(RULES)
    text = chance.choice(_SOURCE)
    places = tuple(
        Location(path="train_gpt.py", line=chance.randrange(1, 1500), text=text)
        for _ in range(chance.randrange(1, 4))
    )
    return remark(rule.id, confidence=rule.at_most, locations=places)


def _diff(chance: random.Random) -> str:
    lines = [f"@@ -{chance.randrange(1500)},9 +{chance.randrange(1500)},9 @@"]
    lines += [
        chance.choice("+- ") + chance.choice(_SOURCE) + f"  # {chance.random()}"
        for _ in range(chance.randrange(120))
    ]
    return "\n".join(lines)
