"""What does an id in a report mean? An audit, a rule of screening, a clause that both cite, a word.

Must never explain what there is not: a misspelt id gets the nearest one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from verifier import installed
from verifier.errors import RequestError
from verifier.report.screening.explained import HEADING, explained
from verifier.screening import Rule

CLAUSES = {
    "R1": "Code and compressed model together stay under the cap.",
    "R2": "Training ends in ten minutes, scoring in ten more.",
    "R3": "No network, no training data and no downloads while scoring.",
    "R4": "Nothing of the held-out data gets into training, or into the artifact.",
    "R5": "Only tokens that have been scored are adapted to.",
    "R6": "Every token of the fixed held-out documents counts once.",
    "R7": "A new record is better by enough, and not by luck.",
    "R8": "A tokenizer proves how many bytes its tokens stand for.",
    "R9": "A pull request adds one folder with its README, claim, logs and a script that runs.",
    "R10": "No seed is picked by trying many, no computing is smuggled in.",
    "C1": "A prediction rests on the artifact and the tokens before it alone.",
    "C2": "It is a whole distribution, fixed before the token is known.",
    "C3": "A token is scored before anything has learned from it.",
    "C4": "One pass: nothing is scored again, no run is chosen by its outcome.",
}
"""What the competition (R) and its community (C) ask, in a sentence each."""

WORDS = {
    "VERIFIED": "Every audit that the policy requires is kept; the number is our own.",
    "REPRODUCED": "A script's own number was reached again, its behaviour tested: not measured.",
    "REFUTED": "A rule is proven to be broken: it bought a lower score, or the wire was broken.",
    "INCONCLUSIVE": "Something that the policy requires could not be proven. It accuses nobody.",
    "kept": "Looked for, and not found.",
    "broken": "Proven, with the place and both numbers.",
    "unproven": "Seen or suspected, but not proven: answers that differ and gained nothing by it, a"
    " box that could not be watched, a limit that was too near. Never REFUTED, never VERIFIED.",
    "not run": "An earlier finding came first, or what it needs is not there.",
    "bpb": "Bits per byte of the held-out documents: what the tokens cost, over what they spell.",
    "nat": "A cost −ln p; 1 nat is 1.4427 bits.",
    "pass": "The scoring that counts: a chunk is charged, then shown.",
    "blind": "Asked of a fresh box before the token is shown: the whole distribution at its place.",
    "replay": "The pass again, blind: all positions, or some that only the verifier could know.",
    "nonce": "A number that the verifier binds itself to before the pass: it draws the positions.",
    "alpha": "How often a replay that samples may miss a gain: the policy's α, over the number of"
    " attempts of the same author.",
    "delta": "How much lower a score may be than blind costs would have given, at most: 0 where all"
    " was replayed and agreed; from a sample a bound that fails with probability α.",
    "L0": "An ordinary process: it can read this machine, and is watched.",
    "L1": "bubblewrap: namespaces, no network, its own root, a filter of system calls.",
    "L2": "Docker with all that can be taken away taken away.",
    "L3": "gVisor: a kernel of its own between it and this machine's.",
}
"""What stands in verdicts and reports, in a sentence each."""
SIGNS = {"α": "alpha", "δ": "delta", "nats": "nat", "not-run": "not run"}


def explain(name: str, rules: Sequence[Rule]) -> str:
    """Markdown about the audit, rule, clause or word called `name`, about all of them for "".

    Raises RequestError for any other name.
    """
    if not name:
        return _list(rules)
    if name.upper() in CLAUSES:
        return _clause(name.upper(), rules)
    sections = {rule.id: explained(rule) for rule in rules} | _audits()
    if name in sections:
        return sections[name]
    names = {word.lower(): word for word in WORDS} | SIGNS
    if word := names.get(name.lower()):
        return f"## {word}\n\n{WORDS[word]}\n"
    close = get_close_matches(name, [*sections, *WORDS], 1)
    hint = f"did you mean {close[0]}?" if close else "`verifier explain` lists them all"
    raise RequestError(f"there is no audit, rule, clause or word {name!r}", remedy=hint)


def _list(rules: Sequence[Rule]) -> str:
    """Every id there is, with what it stands for."""
    lines = ["## Clauses", ""]
    lines += [f"- **{clause}** {said}" for clause, said in CLAUSES.items()]
    lines += ["", "## Words of a verdict", ""]
    lines += [f"- **{word}** {said}" for word, said in WORDS.items()]
    lines += ["", "## Audits of a scored run", "", ", ".join(f"`{name}`" for name in _audits())]
    lines += ["", "## Rules of screening", ""]
    lines += [f"- `{rule.id}` {rule.sentence}" for rule in sorted(rules, key=lambda r: r.id)]
    return "\n".join(lines) + "\n"


def _clause(clause: str, rules: Sequence[Rule]) -> str:
    citing = [rule for rule in rules if clause in _cited(rule.clause)]
    lines = [f"## {clause}", "", CLAUSES[clause], "", "Rules of screening that read for it:", ""]
    lines += [f"- `{rule.id}` {rule.sentence}" for rule in citing]
    return "\n".join(lines) + "\n"


def _cited(clause: str) -> set[str]:
    """The clauses that a rule names: "R1, C1 to C4" names five."""
    spread = {f"C{i}" for i in range(1, 5)} if "C1 to C4" in clause else set()
    return spread | set(re.findall(r"[RC]\d+", clause))


def page() -> tuple[str, str]:
    """docs/audits.md: what stands before the rules of screening, and they."""
    text = (installed.path("docs") / "audits.md").read_text(encoding="utf-8")
    before, heading, rules = text.partition(f"\n{HEADING}\n")
    return before, f"{heading.lstrip()}{rules}"


def _audits() -> dict[str, str]:
    before, _ = page()
    parts = re.split(r"^## ", before, flags=re.MULTILINE)[1:]
    sections = (text.partition("\n# ")[0] for text in parts)
    return {text.partition("\n")[0].strip(): f"## {text.strip()}\n" for text in sections}
