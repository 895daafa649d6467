"""What does one script run on, at one scale? Its small world, the streams, and runs side by side.

All streams are drawn at once from one seed, so that the same seed shows the same counterexample.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from verifier.shadow import streams
from verifier.shadow.running import WORLD, Result, Script, Stage, run
from verifier.shadow.streams import DOCUMENT, Stream
from verifier.shadow.toy import Toy
from verifier.shadow.world import SMALLEST, World, lay_out
from verifier.source import Program, titles
from verifier.watch import Progress

TRAINING_TOKENS = 1 << 18
FEWEST_TOKENS = 8 * DOCUMENT
CORES = 2
AT_EASE = (40.0,)
"""Seconds that steps cost on the run's own clock, the last of them each further one. What a script
turns on after a share of its 600 s comes on.
"""
ITERATIONS = "ITERATIONS"
UNTIL_THE_LIMIT = 100
"""Iterations asked for where a script is to meet its limit of time before it has done them."""
TO_THE_LIMIT = (*[75.0] * 7, 3.0)
"""A limit of 600 s is met after some 50 steps; one that leaves 3 s for later shows as shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is tested: the folder that a box gets, and the program it was read as.

    `label` is that of the score it claims, "" for the last that it prints; `title` is what it calls
    itself (`source.titles`). `resets`: whether what was learned must end with its document.
    """

    folder: Path
    program: Program
    label: str = ""
    title: str = ""
    resets: bool = False


class Runs:
    """The runs of one subject at the scale of one toy.

    `world` is what they find around them, `cut` where another future begins, `done` what came of
    them so far; `named` are switches turned on since the title names them and no command does.
    """

    def __init__(
        self,
        subject: Subject,
        stage: Stage,
        chosen: Toy,
        scratch: Path,
        seed: int,
        progress: Progress,
    ) -> None:
        """Draws the streams with `seed` and lays out the world below `scratch`."""
        self.toy, self.done = chosen, list[Result]()
        self.launch, self.label = subject.program.launch, subject.label
        self.resets = subject.resets
        self._subject, self._stage, self._progress = subject, stage, progress
        self._scratch, self._number = scratch, itertools.count(1)
        self.named = tuple(
            variable
            for variable in chosen.off
            if variable not in self.launch.environment and titles.names(subject.title, variable)
        )
        vocabulary = max(SMALLEST, chosen.vocabulary)
        self.world: World = lay_out(scratch / f"vocabulary-{vocabulary}", vocabulary)
        random = np.random.default_rng(seed)
        tokens, alphabet = max(FEWEST_TOKENS, chosen.heldout_tokens), self.world.alphabet
        self.cut = tokens // 2 // DOCUMENT * DOCUMENT + DOCUMENT // 2
        base = streams.uniform(tokens, alphabet, random)
        self._streams: dict[str, Stream] = {
            "base": base,
            "future": streams.another_future(base, self.cut, alphabet, random),
            "tempting": streams.tempting(tokens, alphabet, random),
        }
        self._training = streams.uniform(TRAINING_TOKENS, alphabet, random).ids
        self._streams["past"] = streams.another_past(base, self.cut, alphabet, random)
        self._streams["tempted"] = streams.tempting(tokens, alphabet, random)

    def run(self, *variants: str) -> list[Result]:
        """Runs of these variants, several at a time, a core each.

        Raises what the sandbox raises, and StorageFault; never because of what the script did.
        """
        with ThreadPoolExecutor(max_workers=CORES) as pool:
            return list(pool.map(self._one, variants))

    def _one(self, variant: str) -> Result:
        timed = variant == "timed"
        script = Script(
            folder=self._subject.folder,
            entry=self.launch.script,
            arguments=self.toy.arguments,
            environment={
                **self.launch.environment,
                **self.toy.environment,
                **dict.fromkeys(self.named, "1"),
                **places(self.world, self.toy),
                **({ITERATIONS: str(UNTIL_THE_LIMIT)} if timed else {}),
            },
            steps=TO_THE_LIMIT if timed else AT_EASE,
            sidecar=self.toy.sidecar,
            label=self.label,
            names=self.toy.names,
            ranks=self.toy.ranks if variant == "ranks" else 1,
            constants=tuple((each, value) for each, value in self.toy.constants),
        )
        stream = self._streams.get(variant, self._streams["base"])
        at = self._scratch / f"{next(self._number):02}-{variant}"
        made = run(self._stage, script, self.world, stream, self._training, variant, at)
        self.done.append(made)
        self._progress.advance(1)
        return made


def places(world: World, chosen: Toy) -> dict[str, str]:
    """Where data and tokenizer lie, by the variables that scripts read them from."""
    return {
        "DATA_PATH": f"{WORLD}/{world.datasets}",
        "DATA_DIR": WORLD,
        "TOKENIZER_PATH": f"{WORLD}/{world.tokenizer}",
        "RUN_ID": "shadow",
        **{
            variable: f"{WORLD}/{world.datasets}/{name}" for variable, name in chosen.shards.items()
        },
    }
