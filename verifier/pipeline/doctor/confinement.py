"""What does the kernel have to confine a box with, and may this user have it?

Files are read below `root`, so that a machine can be made up. Must never change a setting.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

from verifier.pipeline.doctor.findings import Check, State, checked
from verifier.pipeline.doctor.reading import number_in, text_of
from verifier.sandbox import attempts, cgroup, kernel

ROOT = Path("/")
GROUPS = Path("sys/fs/cgroup")
SETTINGS = Path("proc/sys")
LINUX_WITH_LANDLOCK = "5.13"
NEEDED_CONTROLLERS = frozenset({"memory", "pids"})


def look() -> Iterator[Check]:
    """Everything of this machine."""
    yield landlock(platform.release(), kernel.landlock_abi())
    yield system_call_filter(ROOT)
    if "user_notif" in _actions(ROOT) and not attempts.possible():
        yield Check(
            "attempts",
            State.WEAKER,
            "the kernel lists user notification and does not let us have it",
            "run the verifier outside of a container or sandbox whose own filter watches it",
        )
    yield user_namespaces(ROOT, os.geteuid())
    yield control_groups(ROOT)
    if not cgroup.possible():
        yield no_groups(ROOT, os.geteuid())
    yield swap_accounting(ROOT)
    yield pressure(ROOT)


def landlock(release: str, abi: int) -> Check:
    """The kernel's release, and by which version of Landlock it holds a process to its files."""
    amiss = "" if abi else f"{release} has no Landlock: files of the host are open to L0's boxes"
    remedy = f"Linux {LINUX_WITH_LANDLOCK} or newer, booted with landlock among lsm="
    return checked("kernel", f"{release}, Landlock ABI {abi}", amiss, remedy)


def system_call_filter(root: Path) -> Check:
    """Whether system calls can be refused, and shown to us before they are."""
    actions = _actions(root)
    if "errno" not in actions:
        said = "no system call can be filtered: no kind of box is whole"
        return Check("seccomp", State.MISSING, said, "a kernel with CONFIG_SECCOMP_FILTER")
    amiss = ""
    if "user_notif" not in actions:
        amiss = "no user notification: what a box tries at its walls is not recorded"
    return checked("seccomp", "filter, user notification", amiss, "Linux 5.0 or newer")


def _actions(root: Path) -> list[str]:
    return text_of(root / SETTINGS / "kernel/seccomp/actions_avail").split()


def user_namespaces(root: Path, user: int) -> Check:
    """Whether `user` may make them; root needs none, so for him nothing is amiss."""
    closed = remedy = ""
    if number_in(root / SETTINGS / "kernel/unprivileged_userns_clone") == 0:
        closed, remedy = "this kernel", "sysctl kernel.unprivileged_userns_clone=1"
    if number_in(root / SETTINGS / "kernel/apparmor_restrict_unprivileged_userns") == 1:
        closed = "AppArmor, but for programs that a profile names"
        remedy = "an AppArmor profile for bwrap with `userns,`"
        remedy += ", or sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    about, limit = "user namespaces", number_in(root / SETTINGS / "user/max_user_namespaces")
    if limit == 0:
        said = "at most 0, for root too: no bubblewrap"
        return Check(about, State.WEAKER, said, "sysctl user.max_user_namespaces=15000")
    if not closed:
        return Check(about, State.WELL, "for everyone" if limit is None else f"at most {limit:,}")
    if user == 0:
        return Check(about, State.WELL, f"for root; closed to others by {closed}")
    return Check(about, State.WEAKER, f"closed to users by {closed}", remedy)


def control_groups(root: Path) -> Check:
    """Which version, and whether it holds what boxes are held to."""
    unified = _unified(root)
    if unified:
        there = frozenset(text_of(root / GROUPS / "cgroup.controllers").split())
    else:
        there = frozenset(name for name in NEEDED_CONTROLLERS if (root / GROUPS / name).is_dir())
    missing = sorted(NEEDED_CONTROLLERS - there)
    amiss = f"{' and '.join(missing)} of a box cannot be held: no group counts them"
    remedy = "boot with cgroup_enable=memory systemd.unified_cgroup_hierarchy=1"
    version = "unified" if unified else "version 1"
    return checked("control groups", version, amiss if missing else "", remedy)


def no_groups(root: Path, user: int) -> Check:
    """What it costs that `user` may make no groups, and how he may."""
    remedy = "run as root, or boot with systemd.unified_cgroup_hierarchy=1"
    if user == 0:
        remedy = "mount /sys/fs/cgroup writable, or run the verifier outside of a container"
    elif _unified(root):
        remedy = "systemd-run --user --scope verifier …: systemd then delegates memory and pids"
    said = "this user may make none: local boxes are held per process, not as a whole"
    return Check("own groups", State.WEAKER, said, remedy)


def _unified(root: Path) -> bool:
    return (root / GROUPS / "cgroup.controllers").exists()


def swap_accounting(root: Path) -> Check:
    """Whether a box can be held to memory and swap together; without swap it is anyway."""
    if _unified(root):
        # The topmost group has no limits of its own, but that of a container has.
        limits = (root / GROUPS / "memory.swap.max", *(root / GROUPS).glob("*/memory.swap.max"))
        counted = any(limit.exists() for limit in limits)
    else:
        counted = (root / GROUPS / "memory/memory.memsw.limit_in_bytes").exists()
    swapped = len(text_of(root / "proc/swaps").splitlines()) > 1
    amiss = ""
    if swapped and not counted:
        amiss = "not counted: a box can take more than its memory by what it swaps"
    remedy = "boot with swapaccount=1, or swapoff -a while verifying"
    found = "held with memory" if counted else "not counted, and there is none"
    return checked("swap accounting", found, amiss, remedy)


def pressure(root: Path) -> Check:
    """Whether the kernel says how long tasks waited."""
    there = (root / "proc/pressure/cpu").exists()
    amiss = "" if there else "how long tasks waited is not told: a starved run cannot be seen"
    return checked("pressure", "told", amiss, "boot with psi=1")
