"""How is long work shown? Bars on a terminal; elsewhere a line when a phase ends.

A long phase has one when it is under way, too: a log that is silent looks hung. Always on stderr.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from verifier.report import clipped
from verifier.report.harmless import legible
from verifier.report.lettering import uncommanded
from verifier.watch import Progress as Watched
from verifier.watch import Unwatched, Watch

SHORT_SECONDS = 0.5
SILENT_SECONDS = 10.0
AGAIN_SECONDS = 60.0


def watcher(*, quiet: bool) -> Watch:
    """Whoever shows progress on this terminal, or nobody."""
    return Unwatched() if quiet else Shown(Console(stderr=True, highlight=False, emoji=False))


class Shown:
    """A watch that shows phases as they go by."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextlib.contextmanager
    def phase(self, name: str, total: float | None) -> Iterator[Watched]:
        """Show `name` with a bar while it runs, and how long it took when it ended."""
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            seen = _Unseen()
            if self._console.is_terminal:
                bars = stack.enter_context(_bars(self._console))
                seen = _Bar(bars, bars.add_task(escape(name), total=total))
            else:
                stack.enter_context(self._said_when_long(name))
            yield seen
        took = f"[dim]{time.monotonic() - began:.1f} s[/dim]"
        if seen.why:
            said = f"[red]✗[/red] {escape(name)} {took}: {escape(clipped(seen.why))}"
            self._console.print(said, soft_wrap=True)
        elif time.monotonic() - began >= SHORT_SECONDS:
            self._console.print(f"[green]✓[/green] {escape(name)} {took}")

    @contextlib.contextmanager
    def _said_when_long(self, name: str) -> Iterator[None]:
        """Say that `name` is under way, if it takes long, and then every minute for how long."""
        ended, began = threading.Event(), time.monotonic()

        def say() -> None:
            wait = SILENT_SECONDS
            while not ended.wait(wait):
                took = f" for {time.monotonic() - began:.0f} s" if wait > SILENT_SECONDS else ""
                self._console.print(f"[dim]…[/dim] {escape(name)} is under way{took}")
                wait = AGAIN_SECONDS

        saying = threading.Thread(target=say, daemon=True)
        saying.start()
        try:
            yield
        finally:
            ended.set()
            saying.join()

    def note(self, text: str) -> None:
        """One sentence."""
        self._console.print(
            f"[yellow]![/yellow] {escape(uncommanded(legible(text)))}", soft_wrap=True
        )


class _Unseen:
    why = ""

    def advance(self, amount: float) -> None:
        """Not shown: a line would be printed for every chunk."""

    def stopped(self, why: str) -> None:
        """Shown at the end, in the place of success."""
        self.why = why


class _Bar(_Unseen):
    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, amount: float) -> None:
        """So much more is done."""
        self._bars.advance(self._task, amount)


class _Share(ProgressColumn):
    """How much is done, where somebody knows how much there is."""

    def render(self, task: Task) -> Text:
        """Five cells, empty ones where nobody knows."""
        return Text("     " if task.total is None else f"{task.percentage:>3.0f} %")


def _bars(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        _Share(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
