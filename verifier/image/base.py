"""What does Debian contribute? Runs mmdebstrap and lists what it installed.

The archive's own signatures are checked by apt; the list of packages is taken from the signed
index it used. Must never run a maintainer script of a package outside mmdebstrap's own root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from verifier.errors import ImageFault, MissingTool
from verifier.image.locks import LockedDeb
from verifier.image.recipe import RecipeText

PROGRAM = "mmdebstrap"
PASSED_ON = ("HOME", "PATH", "TMPDIR", "http_proxy", "https_proxy", "no_proxy")
LIMIT_SECONDS = 3600
# Lays /bin, /lib and /sbin as links from the start; else a package that needs all of perl does.
MERGED_USR = "/usr/share/mmdebstrap/hooks/maybe-merged-usr"
SUBORDINATES = Path("/etc/subuid")
TAIL_LINES = 8

# What mmdebstrap and this machine put there: no package has it.
MACHINES_OWN = (
    "etc/apt/sources.list",
    "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    "etc/hostname",
    "etc/resolv.conf",
)
# Within the new root, before its package lists are cleared: the index entry of each package.
_DESCRIBE = (
    'chroot "$1" sh -c \'dpkg-query -W -f="\\${binary:Package}=\\${Version}\\n"'
    " | xargs apt-cache show --no-all-versions > /described'"
)


@dataclass(frozen=True, slots=True)
class Base:
    """mmdebstrap's tar, not yet canonical, and the packages in it."""

    tar: Path
    debs: tuple[LockedDeb, ...]


def way() -> str | None:
    """How this user can make a root file system: "root", "unshare", or None if not at all."""
    if shutil.which(PROGRAM) is None:
        return None
    if os.geteuid() == 0:
        return "root"
    return "unshare" if _may_map_users() else None


def why_none() -> MissingTool | None:
    """What keeps this user from making root file systems; None where nothing does."""
    return why_not() if way() is None else None


def why_not() -> MissingTool:
    """What to install so that `way` finds one."""
    if shutil.which(PROGRAM) is None:
        return MissingTool(
            f"no program {PROGRAM} to make a root file system with",
            remedy="apt-get install mmdebstrap",
        )
    return MissingTool(
        "this user may not make a root file system",
        remedy="apt-get install uidmap, a line for this user in /etc/subuid and /etc/subgid, "
        "and unprivileged user namespaces; or run as root once",
    )


def bootstrap(recipe: RecipeText, mode: str, folder: Path) -> Base:
    """Make the base of `recipe` in `folder`.

    Raises ImageFault with the last lines of mmdebstrap when it fails, or lists a package whose
    index entry it does not have.
    """
    tar, described = folder / "base.tar", folder / "described"
    command = [
        PROGRAM,
        f"--mode={mode}",
        f"--variant={recipe.variant}",
        "--architectures=amd64",
        "--components=main",
        f"--hook-dir={MERGED_USR}",
        f"--include={','.join(recipe.packages)}",
        # A base that the power failed on is made again: nothing need be waited for.
        "--dpkgopt=force-unsafe-io",
        f"--customize-hook={_DESCRIBE}",
        f"--customize-hook=download /described {described}",
        f'--customize-hook=cd "$1" && rm -f described {" ".join(MACHINES_OWN)}',
        recipe.suite,
        str(tar),
    ]
    _run(command, recipe.epoch)
    return Base(tar, described_debs(described.read_text(encoding="utf-8")))


def described_debs(text: str) -> tuple[LockedDeb, ...]:
    """The packages in the output of `apt-cache show`.

    Raises ImageFault for an entry without sha256: one that came from no signed index.
    """
    debs = set()
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line)
        if not fields:
            continue
        try:
            debs.add(
                LockedDeb(
                    fields["Package"], fields["Version"], fields["Architecture"], fields["SHA256"]
                )
            )
        except KeyError as fault:
            raise ImageFault(
                f"package {fields.get('Package', '?')} has no {fault.args[0]} in the index"
            ) from fault
    if not debs:
        raise ImageFault("mmdebstrap listed no packages")
    return tuple(sorted(debs))


def _may_map_users() -> bool:
    try:
        lines = SUBORDINATES.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    mapped = any(line.startswith(_names_of_user()) for line in lines)
    unshare = shutil.which("unshare")
    if not mapped or unshare is None or shutil.which("newuidmap") is None:
        return False
    tried = subprocess.run([unshare, "--user", "true"], capture_output=True, check=False)
    return tried.returncode == 0


def _names_of_user() -> tuple[str, ...]:
    uid = os.getuid()
    try:
        return f"{pwd.getpwuid(uid).pw_name}:", f"{uid}:"
    except KeyError:
        return (f"{uid}:",)


def _run(command: list[str], epoch: int) -> None:
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    environment |= {"LC_ALL": "C", "SOURCE_DATE_EPOCH": str(epoch)}
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            said, _ = process.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired as fault:
            process.terminate()
            raise ImageFault(f"{PROGRAM} ran past {LIMIT_SECONDS} s") from fault
        except BaseException:
            # It unmounts what it mounted when it is asked to end, not when it is killed.
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        tail = " · ".join(said.strip().splitlines()[-TAIL_LINES:])
        raise ImageFault(
            f"{PROGRAM} ended with {process.returncode}: {tail}",
            remedy="look at the network and the disk, then build again",
        )
