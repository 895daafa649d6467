"""Fuzz one target, or all, for some time each: `python -m tests.fuzz [TARGET…] [--seconds N]`.

Needs atheris (requirements/fuzz.in), which `make fuzz` installs in an environment of its own.
Inputs that were interesting are kept under --corpus, what broke a promise under --broken.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

LONGEST_BYTES = 4096
SLOWEST_SECONDS = 10
MEMORY_MB = 2048


def main() -> int:
    """Run each target in a process of its own; 1 if one of them found something."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, default=Path("out/fuzz/corpus"))
    parser.add_argument("--broken", type=Path, default=Path("out/fuzz/broken"))
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        fuzz(given.targets[0], given)
        return 0
    from tests.fuzz.targets import TARGETS

    unknown = sorted(set(given.targets) - set(TARGETS))
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    failed = []
    for target in given.targets or TARGETS:
        print(f"== {target}", flush=True)
        alone = [sys.executable, "-m", "tests.fuzz", target, "--alone"]
        options = ["--seconds", str(given.seconds), "--corpus", str(given.corpus)]
        command = [*alone, *options, "--broken", str(given.broken)]
        if subprocess.run(command, check=False).returncode != 0:
            failed.append(target)
    print(f"broken: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


def fuzz(target: str, given: argparse.Namespace) -> None:
    """Fuzz one target here; libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["verifier"]):
        from tests.fuzz.seeds import SEEDS
        from tests.fuzz.targets import TARGETS
    corpus, broken = given.corpus / target, given.broken / target
    corpus.mkdir(parents=True, exist_ok=True)
    broken.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(SEEDS[target]):
        (corpus / f"seed{index}").write_bytes(seed)
    options = [
        f"-max_total_time={given.seconds}",
        f"-max_len={LONGEST_BYTES}",
        f"-timeout={SLOWEST_SECONDS}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-artifact_prefix={broken}/",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
