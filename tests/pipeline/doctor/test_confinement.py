"""A kernel that lacks a wall is said to, with what would bring it; what it has is no remark."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.pipeline.doctor import State, confinement

ALL_ACTIONS = "kill_process kill_thread trap errno user_notif trace log allow\n"
CLONE = "proc/sys/kernel/unprivileged_userns_clone"
APPARMOR = "proc/sys/kernel/apparmor_restrict_unprivileged_userns"
LIMIT = "proc/sys/user/max_user_namespaces"
SWAPS = "Filename Type Size Used Priority\n"
USER = 1000


def machine(folder: Path, **files: str) -> Path:
    """A root below which these files are, each by its path."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("actions", "state", "said"),
    [
        (ALL_ACTIONS, State.WELL, "user notification"),
        (ALL_ACTIONS.replace("user_notif ", ""), State.WEAKER, "is not recorded"),
        ("kill_thread trap allow", State.MISSING, "no system call can be filtered"),
        ("", State.MISSING, "no system call can be filtered"),
    ],
)
def test_a_kernel_says_what_it_does_with_system_calls(
    actions: str, state: State, said: str, tmp_path: Path
) -> None:
    """Without a filter no box is whole; without notification attempts are not seen."""
    root = machine(tmp_path, **{"proc/sys/kernel/seccomp/actions_avail": actions})
    check = confinement.system_call_filter(root)
    assert check.state is state
    assert said in check.found
    assert bool(check.remedy) == (state is not State.WELL)


@pytest.mark.parametrize(
    ("files", "remedy"),
    [
        ({CLONE: "0\n", LIMIT: "9000\n"}, "sysctl kernel.unprivileged_userns_clone=1"),
        ({APPARMOR: "1\n", CLONE: "1\n"}, "kernel.apparmor_restrict_unprivileged_userns=0"),
    ],
)
def test_namespaces_that_are_closed_to_users_are_open_to_root(
    files: dict[str, str], remedy: str, tmp_path: Path
) -> None:
    """As Debian once did and Ubuntu does; who verifies as root loses nothing."""
    root = machine(tmp_path, **files)
    closed = confinement.user_namespaces(root, USER)
    assert closed.state is State.WEAKER
    assert remedy in closed.remedy
    as_root = confinement.user_namespaces(root, 0)
    assert (as_root.state, as_root.remedy) == (State.WELL, "")
    assert as_root.found.startswith("for root; closed to others by")


def test_a_limit_of_no_namespaces_holds_for_root_too(tmp_path: Path) -> None:
    """It is the kernel's, not a right."""
    root = machine(tmp_path, **{LIMIT: "0\n"})
    for user in (0, USER):
        check = confinement.user_namespaces(root, user)
        assert check.state is State.WEAKER
        assert "max_user_namespaces" in check.remedy


def test_open_namespaces_are_no_remark(tmp_path: Path) -> None:
    """With the settings of either distribution."""
    root = machine(tmp_path, **{CLONE: "1\n", APPARMOR: "0\n", LIMIT: "96365\n"})
    check = confinement.user_namespaces(root, USER)
    assert (check.state, check.found) == (State.WELL, "at most 96,365")


@pytest.mark.parametrize(
    ("files", "state", "said"),
    [
        ({"cgroup.controllers": "cpu memory pids"}, State.WELL, "unified"),
        ({"cgroup.controllers": "cpu pids"}, State.WEAKER, "memory of a box cannot be held"),
        ({"cgroup.controllers": ""}, State.WEAKER, "memory and pids of a box cannot be held"),
        ({"memory/tasks": "", "pids/tasks": ""}, State.WELL, "version 1"),
        ({"pids/tasks": ""}, State.WEAKER, "memory of a box cannot be held"),
    ],
)
def test_groups_must_hold_memory_and_processes(
    files: dict[str, str], state: State, said: str, tmp_path: Path
) -> None:
    """Some boards boot without the one for memory."""
    root = machine(tmp_path, **{f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    check = confinement.control_groups(root)
    assert check.state is state
    assert said in check.found


def test_who_may_make_no_groups_is_told_how_he_may(tmp_path: Path) -> None:
    """By delegation where there is one hierarchy, as root where there are many."""
    assert "run as root" in confinement.no_groups(tmp_path, USER).remedy
    assert "writable" in confinement.no_groups(tmp_path, 0).remedy
    root = machine(tmp_path, **{"sys/fs/cgroup/cgroup.controllers": "memory pids"})
    assert "systemd-run --user --scope" in confinement.no_groups(root, USER).remedy


@pytest.mark.parametrize(
    ("swaps", "files", "state"),
    [
        (SWAPS + "/dev/sda2 partition 1 0 -2\n", {}, State.WEAKER),
        (SWAPS + "/dev/sda2 partition 1 0 -2\n", {"cgroup.controllers": "memory"}, State.WEAKER),
        (SWAPS + "/dev/sda2 partition 1 0 -2\n", {"memory/memory.memsw.limit_in_bytes": ""}, None),
        (
            SWAPS + "/dev/sda2 partition 1 0 -2\n",
            {"cgroup.controllers": "memory", "user.slice/memory.swap.max": "max"},
            None,
        ),
        (
            SWAPS + "/dev/sda2 partition 1 0 -2\n",
            {"cgroup.controllers": "memory", "memory.swap.max": "max"},
            None,
        ),
        (SWAPS, {}, None),
        ("", {}, None),
    ],
)
def test_swap_that_is_not_counted_lets_a_box_take_more(
    swaps: str, files: dict[str, str], state: State | None, tmp_path: Path
) -> None:
    """Memory and swap together are what is held; where nothing is swapped there is none."""
    groups = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    check = confinement.swap_accounting(machine(tmp_path, **groups, **{"proc/swaps": swaps}))
    assert check.state is (state or State.WELL)
    assert ("swapaccount=1" in check.remedy) == (state is State.WEAKER)


def test_a_kernel_without_landlock_or_pressure_is_weaker(tmp_path: Path) -> None:
    """Files of the host are open to L0's boxes; a starved run is not seen."""
    assert confinement.landlock("5.4", 0).state is State.WEAKER
    assert confinement.landlock("6.1", 2).state is State.WELL
    assert confinement.pressure(tmp_path).remedy == "boot with psi=1"
    assert confinement.pressure(machine(tmp_path, **{"proc/pressure/cpu": ""})).state is State.WELL
