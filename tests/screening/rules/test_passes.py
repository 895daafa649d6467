"""A table of the whole stream is told from one that is looked up before it counts."""

from __future__ import annotations

from tests.screening.rules.scripts import remarks, script, told
from verifier.screening import Confidence
from verifier.screening.rules import passes

TABLES = """
class Table:
    def __init__(self, size):
        self.counts = np.zeros(size)
        self.pairs = np.zeros(size)

    def keys(self, tokens, start, end):
        before = tokens[start:end].astype(np.int64)
        return before % 65536, (before * 31 + tokens[start + 1 : end + 1]) % 65536

    def add(self, tokens, start, end):
        first, both = self.keys(tokens, start, end)
        ADD

    def look(self, tokens, start, end):
        first, both = self.keys(tokens, start, end)
        return self.pairs[both] / np.maximum(self.counts[first], 1.0)

def one_pass(net, tokens, lengths):
    table = Table(65536)
    total, spelt = 0.0, 0.0
    for start in range(0, len(tokens) - 1, 4096):
        p = table.look(tokens, start, start + 4096)
        total += -np.log(0.5 * p + 0.5 * net.chances(tokens[start : start + 4096])).sum()
        spelt += lengths[tokens[start : start + 4096]].sum()
        table.add(tokens, start, start + 4096)
    return total / spelt / np.log(2.0), table

def again(net, table, tokens, lengths):
    p = table.look(tokens, 0, len(tokens) - 1)
    total = -np.log(0.5 * p + 0.5 * net.chances(tokens)).sum()
    return total / lengths[tokens].sum() / np.log(2.0)
"""
ADDS = (
    "np.add.at(self.counts, first, 1); np.add.at(self.pairs, both, 1)",
    "self.counts += np.bincount(first, minlength=9); self.pairs += np.bincount(both, minlength=9)",
    "self.counts[first] += 1; self.pairs[both] += 1",
)


def said(main: str, add: str = ADDS[0]) -> dict[str, Confidence]:
    return told(remarks(passes, script(main, TABLES.replace("ADD", add))))


def test_scoring_again_with_the_table_of_the_first_pass_is_a_violation() -> None:
    """Red: the second score looks up what the first pass counted over the whole stream."""
    main = "_, table = one_pass(net, held, lengths)\nprint(again(net, table, held, lengths))"
    for add in ADDS:
        assert said(main, add) == {"scored-with-whole-stream": Confidence.VIOLATION}


def test_filling_the_table_before_the_only_pass_is_a_violation() -> None:
    """Red: the whole stream is counted first."""
    main = """
table = Table(65536)
table.add(held, 0, len(held))
print(again(net, table, held, lengths))
"""
    assert said(main) == {"scored-with-whole-stream": Confidence.VIOLATION}


def test_looking_up_before_counting_in_one_pass_is_left_alone() -> None:
    """Near miss: chunk by chunk, the table knows only what was scored."""
    for add in ADDS:
        assert said("print(one_pass(net, held, lengths)[0])", add) == {}


def test_a_table_of_training_tokens_is_left_alone() -> None:
    """Near miss: the table is filled from training shards."""
    main = """
table = Table(65536)
table.add(shards(args.train_files), 0, 9)
print(again(net, table, held, lengths))
"""
    assert said(main) == {}


def test_a_second_pass_with_a_fresh_table_is_left_alone() -> None:
    """Near miss: two passes that share nothing."""
    main = "one_pass(net, held, lengths)\nprint(one_pass(net, held, lengths)[0])"
    assert said(main) == {}


def test_a_table_filled_up_to_where_scoring_begins_asks_for_a_person() -> None:
    """Near miss: one pass that goes on counting, begun with a table of the tokens before it."""
    part = """
def from_the_middle(net, tokens, lengths, begin):
    table = Table(65536)
    table.add(tokens, 0, begin)
    total, spelt = 0.0, 0.0
    for start in range(begin, len(tokens) - 1, 4096):
        p = table.look(tokens, start, start + 4096)
        total += -np.log(0.5 * p + 0.5 * net.chances(tokens[start : start + 4096])).sum()
        spelt += lengths[tokens[start : start + 4096]].sum()
        table.add(tokens, start, start + 4096)
    return total / spelt / np.log(2.0)
"""
    main = "print(from_the_middle(net, held, lengths, 1 << 20))"
    found = remarks(passes, script(main, TABLES.replace("ADD", ADDS[0]), part))
    assert told(found) == {"scored-with-whole-stream": Confidence.REVIEW}


def test_a_score_with_the_table_that_is_not_the_last_asks_for_a_person() -> None:
    """Near miss: the reported score, the last one, uses no table."""
    main = """
table = Table(65536)
table.add(held, 0, len(held))
print(again(net, table, held, lengths))
print(score(net, held, lengths))
"""
    assert said(main) == {"scored-with-whole-stream": Confidence.REVIEW}


def test_totals_that_a_first_score_added_up_are_no_table() -> None:
    """Near miss: tokens and bytes counted in scalars, under no index, before a second score."""
    part = """
def totals(net, tokens, lengths, rank, count):
    nats = torch.zeros((), dtype=torch.float64)
    tally = torch.zeros((), dtype=torch.float64)
    spelt = torch.zeros((), dtype=torch.float64)
    for first in range(rank, len(tokens) // 1024, 8):
        window = tokens[first * 1024 : (first + 1) * 1024 + 1].to(torch.int64)
        x, y = window[:-1].reshape(-1, 64), window[1:].reshape(-1, 64)
        loss = net(x, y).mean().detach()
        nats += loss.to(torch.float64) * float(y.numel())
        tally += float(y.numel())
        lone = lengths[y.reshape(-1)].to(dtype=torch.int16)
        lone += (count[y.reshape(-1)] & ~count[x.reshape(-1)]).to(dtype=torch.int16)
        spelt += lone.to(torch.float64).sum()
    mean = nats / tally
    return float(mean.item() / math.log(2.0) * (tally.item() / spelt.item()))
"""
    main = """
spaces = torch.zeros(1024, dtype=torch.bool)
print(totals(net, held, lengths, 0, spaces))
print(totals(restored(), held, lengths, 0, spaces))
"""
    assert told(remarks(passes, script(main, part))) == {}
