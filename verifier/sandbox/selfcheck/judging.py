"""Did the wall hold? Pure functions from what is known of a probe's run.

A judge names what broke. What a probe says counts against the wall at once, and for it only where
nothing from outside speaks: a probe that crashed, said nothing, or left out an attempt did not
find a wall. Must never take a word of the box for a verdict.
"""

from __future__ import annotations

from verifier.records import EndedBy
from verifier.sandbox.selfcheck.probe import Answer, Evidence, Judge, Outcome, Probe

# The kernel's "no", in its different tempers; what else comes back is an answer.
REFUSALS = frozenset({"EPERM", "EACCES", "ENOSYS"})
# Where there is nothing to be had, there is nothing to be refused either.
NOTHING_THERE = REFUSALS | {"ENOENT", "ENODEV", "ENXIO", "ENOTDIR", "ESRCH", "EROFS"}
NO_WAY = REFUSALS | {
    *(
        "ENETUNREACH",
        "EHOSTUNREACH",
        "ECONNREFUSED",
        "EADDRNOTAVAIL",
        "EAFNOSUPPORT",
        "EPFNOSUPPORT",
    ),
    *("EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EOPNOTSUPP", "ENOENT", "ENODEV", "gaierror", "EINVAL"),
}
# A box is ended by a watcher that looks every 20 ms, on a machine that may be busy.
SLOW_SECONDS = 10.0


def judged(probe: Probe, family: str, evidence: Evidence, lacking: tuple[str, ...]) -> Answer:
    """What became of `probe`, by what is known of its run and what its backend says it lacks."""
    broken = (*_always(evidence), *probe.judge(evidence))
    outcome = Outcome.BROKE if broken else Outcome.HELD
    excuse = tuple(lack for lack in lacking if lack.startswith(probe.lacks)) if probe.lacks else ()
    # A probe that did not get through has shown no lack: that is never excused.
    if broken and excuse and evidence.said is not None and not _always(evidence):
        outcome, broken = Outcome.LACKS, (f"listed: {'; '.join(excuse)}", *broken)
    if not broken and (why := probe.tells_nothing(evidence)):
        outcome, broken = Outcome.NOT_TRIED, why
    return answer(probe, family, outcome, broken)


def answer(probe: Probe, family: str, outcome: Outcome, said: tuple[str, ...]) -> Answer:
    """`outcome` of `probe` in words."""
    return Answer(
        probe=probe.id,
        family=family,
        wall=probe.wall,
        tries=probe.tries,
        outcome=outcome,
        said=said,
    )


def _always(evidence: Evidence) -> tuple[str, ...]:
    """What no box may do, whatever its probe was about."""
    said = []
    if not evidence.began:
        said.append(f"it never began: {evidence.end.log[-200:].strip() or 'nothing was printed'}")
    said += [f"a secret of the host came out: {what}" for what in evidence.leaked]
    said += [f"changed: {what}" for what in evidence.changed]
    said += [f"outlived its box: {what}" for what in evidence.survivors]
    return tuple(said)


# ---------------------------------------------------------------- what attempts say


def refused(*attempts: str, by: frozenset[str] = REFUSALS) -> Judge:
    """Whatever was attempted was answered by an error in `by`; `attempts` at least were made."""

    def judge(evidence: Evidence) -> tuple[str, ...]:
        if evidence.said is None:
            return (_silence(evidence),)
        done = tuple(
            f"{what}: {became}" for what, became in evidence.said.items() if became not in by
        )
        return (*_missing(evidence, attempts), *done)

    return judge


def only(expected: str, *attempts: str) -> Judge:
    """Each of the attempts is answered by exactly `expected`."""

    def judge(evidence: Evidence) -> tuple[str, ...]:
        if evidence.said is None:
            return (_silence(evidence),)
        wrong = tuple(
            f"{what}: {became}" for what, became in evidence.said.items() if became != expected
        )
        return (*_missing(evidence, attempts), *wrong)

    return judge


def through(*attempts: str) -> Judge:
    """The attempts were made; whether they did anything is seen from outside."""

    def judge(evidence: Evidence) -> tuple[str, ...]:
        if evidence.said is None:
            return (_silence(evidence),)
        return _missing(evidence, attempts)

    return judge


def _missing(evidence: Evidence, attempts: tuple[str, ...]) -> tuple[str, ...]:
    said = evidence.said or {}
    absent = [
        name
        for name in attempts
        if not any(
            what == name or (name[-1:] == "*" and what.startswith(name[:-1])) for what in said
        )
    ]
    return tuple(f"{name}: was not tried" for name in absent)


def _silence(evidence: Evidence) -> str:
    how = f"{evidence.end.ended_by.value}, exit code {evidence.end.exit_code}"
    return f"it did not say that it was through ({how}): {evidence.end.log[-200:].strip()}"


# ---------------------------------------------------------------- what was seen from outside


def unheard(judge: Judge, *listeners: str) -> Judge:
    """`judge`, and none of the host's listeners heard anything, though they listen."""

    def both(evidence: Evidence) -> tuple[str, ...]:
        heard = [
            f"{name} of the host was reached"
            for name in listeners
            if evidence.received.get(name, 0) > 0
        ]
        deaf = [f"{name} did not listen" for name in listeners if name not in evidence.received]
        return (*judge(evidence), *heard, *deaf)

    return both


def untouched(judge: Judge) -> Judge:
    """`judge`, and the host's own process runs on as if nothing had been."""

    def both(evidence: Evidence) -> tuple[str, ...]:
        fared = (f"a process of the host {evidence.bystander}",) if evidence.bystander else ()
        return (*judge(evidence), *fared)

    return both


def unshared(judge: Judge, *left: str) -> Judge:
    """`judge`, and the other box had left what this one was to find: else nothing was tried."""

    def both(evidence: Evidence) -> tuple[str, ...]:
        absent = [
            f"the other box left no {what}: {evidence.earlier.get(what, 'it did not say')}"
            for what in left
            if not evidence.earlier.get(what, "").startswith("did")
        ]
        return (*judge(evidence), *absent)

    return both


def ended(*because: EndedBy) -> Judge:
    """The box was ended for one of these reasons, from outside."""

    def judge(evidence: Evidence) -> tuple[str, ...]:
        end = evidence.end
        if end.ended_by in because:
            return ()
        wanted = " or ".join(reason.value for reason in because)
        said = "; ".join(f"{what}: {became}" for what, became in (evidence.said or {}).items())
        return (
            f"ended by {end.ended_by.value}, not by {wanted}: {said or end.log[-200:].strip()}",
        )

    return judge


def ended_in_time(evidence: Evidence) -> tuple[str, ...]:
    """The host's clock ended it, neither before the limit nor long after."""
    low, high = evidence.end.wall_seconds
    limit = evidence.limits.wall_seconds
    broken = ended(EndedBy.WALL_CLOCK)(evidence)
    if not broken and not (low >= limit and high <= limit + SLOW_SECONDS):
        broken = (f"its limit was {limit:g} s and it ran between {low:.2f} and {high:.2f} s",)
    return broken


def either(first: Judge, second: Judge) -> Judge:
    """One of two ways to hold: neither broke only if either did not."""

    def judge(evidence: Evidence) -> tuple[str, ...]:
        one, other = first(evidence), second(evidence)
        return (*one, *other) if one and other else ()

    return judge


def both(first: Judge, second: Judge) -> Judge:
    """Two things must hold."""
    return lambda evidence: (*first(evidence), *second(evidence))
