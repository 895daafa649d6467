"""Counts that answer for the token that occurred are told from distributions."""

from __future__ import annotations

import pytest

from tests.screening.rules import caches
from tests.screening.rules.caches import cache_script
from tests.screening.rules.scripts import remarks, told
from verifier.screening import Confidence
from verifier.screening.rules import ngram


def said(score: str, **others: str) -> dict[str, Confidence]:
    return told(remarks(ngram, cache_script(score), **others))


def test_a_hash_of_context_and_target_that_becomes_the_score_is_a_violation() -> None:
    """Red: the quotient of two hashed counts is mixed and its logarithm summed."""
    (found,) = remarks(ngram, cache_script(caches.HASHED))
    assert (found.rule, found.confidence) == ("target-in-hash", Confidence.VIOLATION)
    shown = [place.text.split(" = ")[0] for place in found.locations]
    assert shown == ["there, here", "guess"]


def test_what_things_are_called_does_not_matter() -> None:
    """Red: the same with every name changed."""
    renamed = caches.HASHED
    for old, new in {
        "keys": "zz1", "stream": "zz2", "mix": "zz3", "before": "zz4", "both": "zz5",
        "seen": "zz6", "pairs": "zz7", "guess": "zz8", "there": "zz9", "here": "zy",
    }.items():  # fmt: skip
        renamed = renamed.replace(old, new)
    assert said(renamed) == {"target-in-hash": Confidence.VIOLATION}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("np.minimum(here, there) / np.maximum(there, 1.0)", "np.divide(here, there + 1.0)"),
        ("seen[before], pairs[both]", "np.take(seen, before), np.take(pairs, both)"),
        (
            "(mix ^ (stream[at].astype(np.uint64) * ODD[width % 4])) & SIZE",
            "(mix * 31 + stream[at]) % 99",
        ),
    ],
)
def test_how_it_is_written_does_not_matter(old: str, new: str) -> None:
    """Red: other calls for a quotient, a look-up and a hash."""
    assert old in caches.HASHED
    assert said(caches.HASHED.replace(old, new)) == {"target-in-hash": Confidence.VIOLATION}


@pytest.mark.parametrize(
    "kept",
    [
        "order = []; order.append(keys(stream, at, 3)); before, both = order[0]",
        "order = []; order.append(keys(stream, at, 3)); before, both = order[len(order) - 1]",
        "order = {}; order[3] = keys(stream, at, 3); before, both = order[3]",
        "both = {}; before, both[3] = keys(stream, at, 3); both = both[3]",
        "before, both = [each for each in keys(stream, at, 3)]",
    ],
)
def test_keys_handed_on_in_lists_and_mappings_are_followed(kept: str) -> None:
    """Red: keys are kept per order, and unpacked where they are looked up."""
    score = caches.HASHED.replace("before, both = keys(stream, at, 3)", kept)
    assert said(score) == {"target-in-hash": Confidence.VIOLATION}


@pytest.mark.parametrize("switched", ["0", "1"])
def test_code_that_the_settings_leave_out_is_a_note(switched: str) -> None:
    """Near miss: the cache is off by default; on again in the command."""
    text = cache_script(caches.HASHED).replace('"CACHE", "1"', '"CACHE", "0"')
    readme = f"```\nCACHE={switched} torchrun --standalone train_gpt.py\n```\n"
    found = told(remarks(ngram, text, README__md=readme))
    expected = Confidence.VIOLATION if switched == "1" else Confidence.NOTE
    assert found == {"target-in-hash": expected}


def test_a_log_that_shows_the_cache_running_outdoes_the_settings() -> None:
    """Red: what only the ruled-out branch prints stands in the log."""
    text = cache_script(caches.HASHED).replace('"CACHE", "1"', '"CACHE", "0"')
    text = text.replace(
        "before, both = keys(stream, at, 3)",
        'print(f"suffixes in use: {start}")\n            before, both = keys(stream, at, 3)',
    )
    assert told(remarks(ngram, text)) == {"target-in-hash": Confidence.NOTE}
    log = {"train_seed1__log": "step 1\nsuffixes in use: 8\n"}
    assert told(remarks(ngram, text, **log)) == {"target-in-hash": Confidence.VIOLATION}
    source = {"train_seed1__log": '    print(f"suffixes in use: {start}")\n'}
    assert told(remarks(ngram, text, **source)) == {"target-in-hash": Confidence.NOTE}


def test_hashes_that_differ_without_one_holding_the_other_ask_for_a_person() -> None:
    """Red: both keys are mixed over windows, the longer of which ends in the target."""
    loose = caches.HASHED.replace(
        "    both = ((mix",
        "    other = np.zeros(len(at), dtype=np.uint64)\n"
        "    for k in range(width + 1):\n"
        "        other ^= stream[at - width + k + 0].astype(np.uint64) * ODD[k % 4]\n"
        "    mix = other\n    both = ((mix",
    ).replace("(mix ^ (stream[at].astype(np.uint64) * ODD[width % 4]))", "mix")
    assert said(loose) == {"target-in-hash": Confidence.REVIEW}


def test_a_hash_beyond_its_context_divided_by_itself_asks_for_a_person() -> None:
    """Red: n / (n + v) of the count under context and target; near miss: of the context."""
    own = caches.HASHED.replace(
        "np.minimum(here, there) / np.maximum(there, 1.0)", "OWN / (OWN + 9)"
    )
    assert said(own.replace("OWN", "here")) == {"target-in-hash": Confidence.REVIEW}
    assert "target-in-hash" not in said(own.replace("OWN", "there").replace("pairs[both]", "0"))


def test_counts_that_are_kept_but_never_divided_ask_for_a_person() -> None:
    """Red: looked up under both keys, counted up under both, used in some other way."""
    other = "np.minimum(here, there) / np.maximum(there, 1.0)", "better(here, there)"
    found = said(caches.HASHED.replace(*other))
    assert found == {"target-in-hash": Confidence.REVIEW}
    uncounted = caches.HASHED.replace(*other).replace("np.add.at(pairs, both, 1)", "pass")
    assert said(uncounted) == {}


@pytest.mark.parametrize("honest", [caches.ROWS, caches.EMBEDDING])
def test_a_row_per_context_and_an_embedding_of_contexts_are_left_alone(honest: str) -> None:
    """Near miss: the key holds context only."""
    assert said(honest) == {}


def test_counts_asked_for_every_token_are_left_alone() -> None:
    """Near miss: the hash runs over the vocabulary, and the answers are divided by their sum."""
    assert said(caches.EVERY_TOKEN) == {}
    assert said(caches.EVERY_TOKEN.replace("np.arange(vocab_size)", "stream[at]")) != {}


def test_counts_that_only_weigh_a_loss_ask_for_a_person_at_most() -> None:
    """Near miss: a quotient that never becomes a score by itself."""
    assert said(caches.WEIGHED) == {"target-in-hash": Confidence.REVIEW}


def test_an_exact_count_of_the_target_asks_for_a_person() -> None:
    """Red: mappings instead of hashes; whether it sums to one, reading cannot show."""
    assert said(caches.EXACT) == {"target-count-mixed": Confidence.REVIEW}
    unmixed = caches.EXACT.replace("p = 0.6 * p + 0.4 * guess", "pass")
    assert said(unmixed) == {}


@pytest.mark.parametrize("better", ["mixed > p", "p < mixed", "(there > 1) & (mixed > p)"])
def test_a_cache_used_only_where_it_helps_is_a_violation(better: str) -> None:
    """Red: the choice is made by the probability of the token that occurred."""
    found = said(caches.CHOSEN.replace("BETTER", better))
    assert found["cache-chosen-by-outcome"] is Confidence.VIOLATION


def test_the_better_of_cache_and_model_is_a_choice_too() -> None:
    """Red: maximum instead of a comparison."""
    score = caches.HASHED.replace(
        "np.where(there >= 2, 0.6 * p + 0.4 * guess, p)", "np.maximum(guess, p)"
    )
    assert said(score)["cache-chosen-by-outcome"] is Confidence.VIOLATION


@pytest.mark.parametrize("known", ["there > 2", "there > there.mean()"])
def test_a_choice_by_counts_is_left_alone(known: str) -> None:
    """Near miss: what decides is known before the token."""
    assert "cache-chosen-by-outcome" not in said(caches.CHOSEN.replace("BETTER", known))


@pytest.mark.parametrize(
    "seen",
    [
        "p = np.where(here > 0, 0.6 * p + 0.4 * guess, p)",
        "known = here >= 1; p[known] = 0.6 * p[known] + 0.4 * guess[known]",
        "p = 0.6 * p + 0.4 * guess if (here != 0) else p",
    ],
)
def test_a_cache_left_out_where_it_never_saw_the_token_asks_for_a_person(seen: str) -> None:
    """Red: what decides is the count of the token that occurred."""
    score = caches.HASHED.replace("p = np.where(there >= 2, 0.6 * p + 0.4 * guess, p)", seen)
    assert said(score) == {
        "target-in-hash": Confidence.VIOLATION,
        "cache-if-target-seen": Confidence.REVIEW,
    }
    assert said(score.replace("here >", "there >").replace("here !", "there !")) == {
        "target-in-hash": Confidence.VIOLATION
    }


def test_a_row_that_is_asked_for_the_token_it_holds_is_such_a_choice() -> None:
    """Red: mappings instead of arrays; near miss: the row of the context is asked for."""
    held = caches.EXACT.replace(
        "        return (row", "        if token in row:\n            return (row"
    )
    assert "cache-if-target-seen" not in said(caches.EXACT)
    assert said(held)["cache-if-target-seen"] is Confidence.REVIEW


def test_what_a_branch_leaves_behind_may_be_what_stood_before_it() -> None:
    """Red: a floor in a branch, and a logarithm under another name, hide nothing."""
    floor = caches.EXACT.replace("math.log(p)", "log(p)").replace(
        "        total += -log", "        if p < 1e-9:\n            p = 1e-9\n        total += -log"
    )
    floor = floor.replace(
        "known, total = Suffixes(), 0.0", "known, total, log = Suffixes(), 0.0, 1"
    )
    floor = floor.replace("    for at in range(3", "    log = math.log\n    for at in range(3")
    assert said(floor) == {"target-count-mixed": Confidence.REVIEW}


MIX = "(-losses + weights).logsumexp(dim=-1)"


@pytest.mark.parametrize("mix", [MIX, "torch.log((weights * torch.exp(-losses)).sum(-1))"])
def test_an_entropy_among_the_experts_is_a_violation(mix: str) -> None:
    """Red: e to the negative entropy is mixed like a probability."""
    stack = "torch.stack([net, one, doubt], dim=-1)"
    score = caches.HEDGE.replace("STACK", stack).replace("MIX", mix)
    assert said(score) == {"expert-no-distribution": Confidence.VIOLATION}


@pytest.mark.parametrize(
    "stack",
    [
        "torch.stack([net, one], dim=-1)",
        "torch.stack([net + 0.1 * torch.sigmoid(doubt), one], dim=-1)",
        "torch.stack([one, doubt], dim=-1)",
    ],
)
def test_an_entropy_that_weighs_experts_is_left_alone(stack: str) -> None:
    """Near miss: it is a feature, or there is no score beside it."""
    score = caches.HEDGE.replace("STACK", stack).replace("MIX", MIX)
    assert said(score) == {}


def test_choices_and_experts_that_the_settings_leave_out_are_notes() -> None:
    """Near miss: what is off by default is a note, or nothing."""
    off = caches.HEAD.replace('"CACHE", "1"', '"CACHE", "0"')
    chosen = cache_script(caches.CHOSEN.replace("BETTER", "mixed > p"), head=off)
    assert told(remarks(ngram, chosen)) == {
        "target-in-hash": Confidence.NOTE,
        "cache-chosen-by-outcome": Confidence.NOTE,
    }
    hedge = caches.HEDGE.replace("STACK", "torch.stack([net, one, doubt], dim=-1)")
    hedge = hedge.replace("MIX", MIX).replace(
        "    losses = experts", "    if not args.cache: return 0\n    losses = experts"
    )
    assert told(remarks(ngram, cache_script(hedge, head=off))) == {
        "expert-no-distribution": Confidence.NOTE
    }
    exact = caches.EXACT.replace("if guess is not None", "if args.cache and guess is not None")
    assert told(remarks(ngram, cache_script(exact, head=off))) == {}


README = "# Oracle\n\nScored with a frozen n-gram oracle.\n"


@pytest.mark.parametrize(
    ("bpb", "readme", "asks"),
    [
        ("0.0274", README, True),
        ("1.0274", README, False),
        ("0.0274", "# Net\n\nScored without an n-gram cache.\n", False),
        ("0.0274", f"# Net\n\nan n-gram cache {'x' * 2_000}\n", False),
        ("0.0274", "# Net\n\nScored with attention.\n", False),
    ],
)
def test_a_cache_that_only_the_readme_has_asks_for_a_person(
    bpb: str, readme: str, asks: bool
) -> None:
    """Red: a score that no model reaches, and no source that could. Near misses beside it."""
    files = {"README__md": readme, "submission__json": f'{{"val_bpb": {bpb}}}'}
    found = said("\ndef score(args, losses, stream):\n    return losses.sum()\n", **files)
    assert found == ({"cache-not-in-source": Confidence.REVIEW} if asks else {})


def test_a_source_that_has_the_cache_is_asked_nothing_of_its_readme() -> None:
    """Near miss: the name stands in the source, whether or not it is read there."""
    files = {"README__md": README, "submission__json": '{"val_bpb": 0.0274}'}
    named = "\ndef score(args, losses, stream):\n    n_gram = losses\n    return n_gram.sum()\n"
    assert said(named, **files) == {}
    assert said(caches.HASHED, **files) == {"target-in-hash": Confidence.VIOLATION}


def test_of_several_counts_the_one_under_context_and_target_tells() -> None:
    """Red: seven other tables in the sum, whichever a set of them gives first."""
    tables = "".join(
        f"t{n} = np.zeros(99)[((stream[at - {n}] * 31) ^ stream[at - 9]) & SIZE]\n            "
        for n in range(1, 8)
    )
    several = caches.HASHED.replace("guess = ", tables + "guess = ").replace(
        "np.minimum(here, there)", "(here + " + " + ".join(f"t{n}" for n in range(1, 8)) + ")"
    )
    assert said(several) == {"target-in-hash": Confidence.VIOLATION}


def test_a_mixer_that_is_made_only_where_a_switch_is_on_follows_the_switch() -> None:
    """Near miss: `Mixer() if flag else None`, the flag off by default; red: on in the command."""
    whole = """
class Mixer:
    def losses(self, logits, y, counts, weights):
        logp = F.log_softmax(logits, dim=-1)
        net = -logp.gather(2, y.unsqueeze(2)).squeeze(2)
        one = -((counts + 0.1) / (counts.sum() + 0.1 * 1024)).log()[y]
        doubt = -(logp.exp() * logp).sum(-1)
        experts = torch.stack([net, one, doubt], dim=-1)
        return -torch.logsumexp(weights - experts, dim=-1)

def score(args, losses, stream):
    logits, y = torch.randn(2, 8, 1024), torch.zeros(2, 8).long()
    hedge = os.environ.get("HEDGE", "0") == "1"
    mixer = Mixer() if hedge else None
    if mixer is not None:
        return mixer.losses(logits, y, torch.zeros(1024), torch.zeros(3)).sum()
    return losses.sum()
"""
    assert said(whole).get("expert-no-distribution") is not Confidence.VIOLATION
    readme = "```\nHEDGE=1 torchrun --standalone train_gpt.py\n```\n"
    assert said(whole, README__md=readme) == {"expert-no-distribution": Confidence.VIOLATION}


BESIDE = """
def score(args, losses, stream):
    seen, pairs = np.zeros(1 << 20), np.zeros(1 << 20)
    total = 0.0
    for start in range(8, len(stream) - 1, 4096):
        at = np.arange(start, start + 4096)
        windows = stream[at[:, None] - np.arange(3)]
        longer = torch.cat([WINDOWS, stream[at][:, None]], dim=1)
        before, both = torch.zeros(4096).long(), torch.zeros(4096).long()
        for k in range(3):
            before = before ^ (ODD[k] * windows[:, k].to(torch.int64))
        before = before % SIZE
        for k in range(4):
            both = both ^ (ODD[k] * longer[:, k].to(torch.int64))
        both = both % SIZE
        there, here = seen[before.long()], pairs[both.long()]
        p = 0.6 * np.exp(-losses[at]) + 0.4 * here.float() / there.float().clamp(min=1)
        total += -np.log(p).sum()
    return total
"""


def test_a_target_put_beside_its_context_and_hashed_with_it_is_a_violation() -> None:
    """Red: the longer windows are the context's and the target; near miss: two other windows."""
    found = said(BESIDE.replace("WINDOWS", "windows"))
    assert found == {"target-in-hash": Confidence.VIOLATION}
    apart = said(BESIDE.replace("WINDOWS", "others"))
    assert apart == {"target-in-hash": Confidence.REVIEW}


PICKED = """
def score(args, losses, stream, vocab_size):
    seen, pairs = np.zeros(1 << 20), np.zeros(1 << 20)
    every = torch.arange(vocab_size)
    mix = torch.zeros(len(stream))
    for k in range(3):
        mix = (mix * 31 + stream[k : len(stream) - 3 + k]) % SIZE
    total = 0.0
    for start in range(8, len(stream) - 1, 4096):
        before = mix[start : start + 4096]
        y, p = stream[start : start + 4096], np.exp(-losses[start : start + 4096])
        both = (before[:, None] * 7919 + every[None, :]) % SIZE
        there, all_here = seen[before].float(), pairs[both].float()
        GUESS
        total += -np.log(0.5 * p + 0.5 * guess).sum()
    return total
"""


@pytest.mark.parametrize(
    "pick", ["all_here.gather(1, y[:, None]).squeeze(1)", "all_here[np.arange(4096), y]"]
)
def test_counts_of_every_token_of_which_one_is_divided_are_a_violation(pick: str) -> None:
    """Red: all tokens are hashed, and the target's count alone is divided by the context's."""
    guess = f"guess = ({pick} + 2.0 * p) / (there + 2.0)"
    assert said(PICKED.replace("GUESS", guess)) == {"target-in-hash": Confidence.VIOLATION}


@pytest.mark.parametrize(
    "guess",
    [
        "whole = all_here / all_here.sum(dim=1); guess = whole.gather(1, y[:, None])",
        "whole = (all_here + 0.1) / (there + 0.1)\n"
        "        guess = whole.gather(1, y[:, None]) / whole.sum(1)",
        "guess = all_here.gather(1, y[:, None]) / all_here.sum(1)",
    ],
)
def test_counts_of_every_token_divided_by_their_sum_are_left_alone(guess: str) -> None:
    """Near miss: what is picked out is of a distribution."""
    assert said(PICKED.replace("GUESS", guess)) == {}


OUTCOME = """
def score(args, losses, stream):
    after, total, slow = {}, 0.0, 1.0
    for at in range(3, len(stream)):
        loss, token = losses[at], stream[at]
        before = tuple(stream[at - 3 : at])
        doubt = 2.0 - 0.01 * len(after)
        guess = 0.0
        if before in after:
            row = after[before]
            guess = row.get(token, 0) / row[-1]
        share = SHARE
        if WHERE:
            p = math.exp(-loss)
            p = (1.0 - share) * p + share * guess
            total -= math.log(p)
        else:
            total += loss
        slow = 0.9 * slow + 0.1 * loss
    return total
"""


@pytest.mark.parametrize(
    ("share", "found"),
    [
        ("0.5 * min(2.0, max(0.1, loss * 0.4))", True),
        ("1.0 / (1.0 + math.exp(-loss))", True),
        ("0.5 * min(2.0, max(0.1, doubt * 0.4))", False),
        ("1.0 / (1.0 + math.exp(-doubt))", False),
        ("0.5 * min(2.0, slow)", False),
        ("0.5 * losses[:at].mean()", False),
        ("0.5", False),
    ],
)
def test_a_weight_made_of_the_scored_token_s_loss_is_a_violation(share: str, found: bool) -> None:
    """Red: the loss of what occurred sets the cache's share; near miss: what went before does."""
    told_of = said(OUTCOME.replace("SHARE", share).replace("WHERE", "before in after"))
    expected = {"target-count-mixed": Confidence.REVIEW}
    if found:
        expected["cache-weighed-by-outcome"] = Confidence.VIOLATION
    assert told_of == expected


def test_a_difference_that_holds_the_model_s_own_probability_is_no_weight() -> None:
    """Near miss: p + w · (q - p) with a constant w, and counts smoothed by the model."""
    step = OUTCOME.replace("(1.0 - share) * p + share * guess", "p + share * (guess - p)")
    step = step.replace("SHARE", "0.5").replace("WHERE", "before in after")
    smooth = step.replace("p + share * (guess - p)", "0.5 * p + 0.5 * guess").replace(
        "row.get(token, 0) / row[-1]", "(row.get(token, 0) + 2.0 * math.exp(-loss)) / (row[-1] + 2)"
    )
    for score in (step, smooth):
        assert said(score) == {"target-count-mixed": Confidence.REVIEW}


@pytest.mark.parametrize(
    ("where", "guess", "confidence"),
    [
        ("guess > 0", "row.get(token, 0) / row[-1]", Confidence.VIOLATION),
        ("guess > 0", "(row.get(token, 0) + 1) / row[-1]", None),
        ("before in after", "row.get(token, 0) / row[-1]", None),
    ],
)
def test_a_share_that_is_taken_only_where_the_target_was_seen_is_a_violation(
    where: str, guess: str, confidence: Confidence | None
) -> None:
    """Red: the model keeps its whole probability for all else; near miss: where its context was."""
    score = OUTCOME.replace("SHARE", "0.5").replace("WHERE", where)
    found = said(score.replace("row.get(token, 0) / row[-1]", guess))
    assert found.pop("target-count-mixed") is Confidence.REVIEW
    assert found == ({"cache-if-target-seen": confidence} if confidence else {})


ABOVE = (
    caches.HASHED.replace("def score(args", "def cached(args")
    + """
def adaptive(args, losses, stream):
    print("adaptive: chunks of 32768 tokens")
    if SWITCH:
        return cached(args, losses, stream)

def score(args, losses, stream):
    print("plain scoring of everything")
    if not args.choose:
        return adaptive(args, losses, stream)
    return losses.sum()
"""
)


@pytest.mark.parametrize(
    ("switch", "line", "confidence"),
    [
        ("args.cache", "adaptive: chunks of 32768 tokens", Confidence.VIOLATION),
        ("not args.cache", "adaptive: chunks of 32768 tokens", Confidence.NOTE),
        ("args.cache", "plain scoring of everything", Confidence.NOTE),
        ("args.cache", "something else altogether", Confidence.NOTE),
    ],
)
def test_a_log_in_which_the_caller_runs_shows_the_cache_running(
    switch: str, line: str, confidence: Confidence
) -> None:
    """Red: only what calls the cache prints; near miss: a switch between, or live code."""
    text = cache_script(ABOVE.replace("SWITCH", switch))
    found = told(remarks(ngram, text, train_seed1__log=f"step 1\n{line}\n"))
    assert found == {"target-in-hash": confidence}


def test_a_line_that_live_code_prints_too_shows_nothing() -> None:
    """Near miss: the scoring that runs prints the same beginning."""
    text = cache_script(ABOVE.replace("SWITCH", "args.cache"))
    text = text.replace("plain scoring of everything", "adaptive: chunks of 32768 tokens")
    log = "step 1\nadaptive: chunks of 32768 tokens\n"
    assert told(remarks(ngram, text, train_seed1__log=log)) == {"target-in-hash": Confidence.NOTE}


AGAIN = """            own = math.exp(-loss)
            both = own + 0.0
            both[at] = 0.5 * both[at] + 0.5 * guess
            p = 0.3 * own + 0.7 * both
"""


def test_a_mixture_weighed_again_beside_the_model_is_no_weight_of_the_outcome() -> None:
    """Near miss: what is mixed holds the model's own probability; both get constant shares."""
    score = OUTCOME.replace(
        "            total -= math.log(p)\n", f"{AGAIN}            total -= math.log(p)\n"
    )
    score = score.replace("SHARE", "0.5").replace("WHERE", "before in after")
    assert said(score) == {"target-count-mixed": Confidence.REVIEW}


def test_counting_how_often_a_cache_helps_is_no_choice() -> None:
    """Near miss: a branch by the outcome that only counts; red: one that takes the gain."""
    counts = caches.EXACT.replace(
        "        total += -math.log(p)",
        "        own = math.exp(-losses[at])\n"
        "        mixed = 0.6 * own + 0.4 * guess\n"
        "        if mixed > own:\n            TAKEN\n"
        "        total += -math.log(p)",
    )
    assert "cache-chosen-by-outcome" not in said(counts.replace("TAKEN", "helped += 1"))
    taken = said(counts.replace("TAKEN", "best = p"))
    assert taken["cache-chosen-by-outcome"] is Confidence.VIOLATION
