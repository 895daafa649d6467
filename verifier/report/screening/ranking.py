"""How do the leaderboard's history and the queue look on a terminal? One line a row.

Must never round a number away that decides: margins have their sign, p three figures.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from verifier.report.harmless import clipped
from verifier.report.lettering import cut, heading, paragraph, styled, written
from verifier.report.words import counted
from verifier.screening.screened import Comparison, Leaderboard, Queue, QueueEntry, Standing

INDENT = 2
LEGEND_SHOWN = 600
NOTE_SHOWN = 2000
BOARD_LEGEND = (
    "line: its row in README.md · listed: that row's score · mean: of its n seeds' logs · nats: by"
    " how much it is better than the best row created before it · p: the chance of such seeds if it"
    ' were no better at all · "p < 0.25, from 28 April": what the rules ask since that day'
)
QUEUE_LEGEND = (
    "place, pull request, bits per byte, hours of one node for its checks · p: the chance of such"
    " seeds if it were no better than the best row created before it · begins its lineage: made"
    " from no other submission of this queue"
)
NAME_WIDTH = 44


def render_leaderboard(board: Leaderboard, console: Console) -> None:
    """The chain in the order of creation, each row with the rule that admits it; then the table."""
    chain = [each for each in board.standings if each.place]
    heading(console, f"{counted(len(chain), 'record')} of {clipped(board.repository)}, as created")
    title = f"{'':>3} {'#':>5} {'line':>4} {'listed':>7} {'mean':>8} {'n':>2} {'nats':>8} {'p':>8}"
    cut(console, written(f"{title}  {'admitted by':<32} run", console, "bold"))
    for each in chain:
        cut(console, styled(console, (_standing(each), "" if each.admitted_by else "dim")))
    paragraph(console, BOARD_LEGEND, INDENT, style="dim", at_most=LEGEND_SHOWN)
    _beside(board, chain, console)
    for note in board.notes:
        paragraph(console, f"! {note}", INDENT, hanging=INDENT, style="yellow", at_most=NOTE_SHOWN)


def render_queue(queue: Queue, console: Console, most: int = 10) -> None:
    """What deserves a GPU, the first `most` of it, and why the rest is not there."""
    row = "no row" if queue.row_bpb is None else f"{queue.row} at {queue.row_bpb:.5f}"
    heading(console, f"{counted(len(queue.entries), 'submission')} that would beat {clipped(row)}")
    for entry in queue.entries[:most]:
        cut(console, written(_entry(entry), console))
    if queue.entries:
        paragraph(console, QUEUE_LEGEND, INDENT, style="dim", at_most=LEGEND_SHOWN)
    if len(queue.entries) > most:
        paragraph(console, f"and {len(queue.entries) - most:,} more", INDENT, style="dim")
    left = [f"{count:,} {reason}" for reason, count in queue.left_out.items()]
    if left:
        paragraph(console, f"not in the queue: {' · '.join(left)}", INDENT, style="dim")


def _standing(each: Standing) -> str:
    number = str(each.number) if each.number else "–"
    listed = "–" if each.listed is None else f"{each.listed:.4f}"
    mean = "–" if each.mean is None else f"{each.mean:.5f}"
    return (
        f"{each.place:>3} {number:>5} {each.line:>4} {listed:>7} {mean:>8} {len(each.runs):>2} "
        f"{_nats(each.before):>8} {_p(each.before):>8}  {each.admitted_by:<32} "
        f"{clipped(each.name, NAME_WIDTH)}"
    )


def _beside(board: Leaderboard, chain: Sequence[Standing], console: Console) -> None:
    """Rows that agree with the README's table, and those that differ, with the reason."""
    differs = [each for each in chain if each.differs]
    unlisted = [each for each in board.standings if not each.line and each.differs]
    heading(console, "Beside the README's table")
    agree = len(chain) - len(differs)
    paragraph(console, f"{counted(agree, 'row')} as listed, {len(differs)} otherwise", INDENT)
    for each in differs:
        said = f"README.md:{each.line} {clipped(each.name, NAME_WIDTH)}: {'; '.join(each.differs)}"
        paragraph(console, said, INDENT, hanging=INDENT)
    for each in unlisted:
        paragraph(console, f"{clipped(each.folder)}: merged, and on no table", INDENT)


def _entry(entry: QueueEntry) -> str:
    margin = "" if entry.against is None else f"p {_p(entry.against)} against the row before it, "
    return (
        f"{entry.place:>5}  #{entry.number:<5} {entry.bpb:.5f}  {entry.node_hours:.2f} node-hours  "
        f"{clipped(entry.why)}, {margin}{entry.contract}"
    )


def _nats(before: Comparison | None) -> str:
    known = before is not None and before.margin_nats is not None
    return f"{before.margin_nats:+.4f}" if before is not None and known else "–"


def _p(before: Comparison | None) -> str:
    return "–" if before is None or before.p_better is None else f"{before.p_better:.3g}"
