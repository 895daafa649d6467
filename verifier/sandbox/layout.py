"""What lies where in a bubblewrap box? bwrap's arguments, and the rights they must end in.

The root is laid out entry by entry, so that mount points can be made beside them. Must never show
anything of the host but the image or the interpreter's folders, read-only.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from verifier.records import BoxSpec
from verifier.sandbox import gpus, local
from verifier.sandbox.local import CHANNEL, Preparing
from verifier.sandbox.roots import PYTHON_NAMES, HostView, host_view, search_path

OWN_FOLDERS = frozenset({"proc", "dev", "sys", "tmp", "cache", "run", gpus.FOLDER[1:]})
HOSTS = "127.0.0.1 localhost\n"
# It lists the keys of the user's, in whichever namespaces.
KEYS = Path("/proc/keys")


class Layout:
    """What goes where in the box, as bwrap's arguments."""

    def __init__(self, spec: BoxSpec, preparing: Preparing, etc: Path | None) -> None:
        """Lay out the box of `spec`; what must be made for it lies in the place of `preparing`.

        `etc` stands for the image's own folder of that name where that has no place for hosts.
        """
        self._spec = spec
        self._etc = etc
        self._gpus = preparing.gpus
        self._stage = preparing.place.make("stage") if os.geteuid() == 0 else None
        # The box's own name must mean its own loopback, whatever the image or the host says.
        self._hosts = preparing.place.make("names") / "hosts"
        self._hosts.write_text(HOSTS, encoding="ascii")
        self._no_keys = self._hosts.with_name("keys")
        self._no_keys.touch()
        self._binds: list[tuple[str, str]] = []
        self._view: HostView | None = None
        if spec.root.folder is None:
            self._view = host_view(spec.root)

    def command(self) -> tuple[str, ...]:
        """What bwrap is to run."""
        argv = self._spec.argv
        if self._view is not None and argv[0] in PYTHON_NAMES:
            return (str(self._view.interpreter), *argv[1:])
        return argv

    def _source(self, source: Path) -> str:
        """Where bwrap finds a host path: itself, or where root's keeper staged it."""
        if self._stage is None:
            return str(source)
        name = str(len(self._binds))
        self._binds.append((str(source), name))
        return f"{self._stage}/{name}"

    def stage(self) -> dict[str, object] | None:
        """What the keeper is to gather where an unprivileged user can reach it; None: nothing."""
        if self._stage is None:
            return None
        return {"at": str(self._stage), "binds": self._binds}

    def rights(self) -> dict[str, str]:
        """Every mount a submission cares about, and whether it may be written."""
        rights = {"/": "ro", "/tmp": "rw", "/cache": "rw", "/dev/shm": "rw"}
        rights |= {mount.target: "ro" for mount in self._spec.inputs}
        if self._spec.output is not None:
            rights[self._spec.output.target] = "rw"
        if self._spec.channel is not None:
            rights[CHANNEL] = "ro"
        rights |= {name: "rw" for _, name in self._gpus.nodes}
        rights |= {str(path): "ro" for path in _hidden()}
        return rights | {name: "ro" for _, name in self._gpus.libraries}

    def arguments(self, descriptors: tuple[int, int, int]) -> list[str]:
        """bwrap's arguments. `descriptors`: of the filter, the status and the block pipe."""
        spec = self._spec
        temporary = str(spec.limits.temporary_bytes)
        arguments = ["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]
        arguments += ["--hostname", local.HOSTNAME, "--clearenv"]
        path = search_path(spec.root)
        environment = local.base_environment(spec, path, "/tmp", CHANNEL)
        if self._gpus.libraries:
            found = environment.get("LD_LIBRARY_PATH", "")
            environment["LD_LIBRARY_PATH"] = ":".join(filter(None, (gpus.FOLDER, found)))
        for name, value in environment.items():
            arguments += ["--setenv", name, value]
        arguments += self._root()
        arguments += ["--ro-bind", self._source(self._hosts), "/etc/hosts"]
        arguments += ["--proc", "/proc", "--dev", "/dev"]
        for hidden in _hidden():
            arguments += ["--ro-bind", self._source(self._no_keys), str(hidden)]
        for place in ("/dev/shm", "/tmp", "/cache"):
            arguments += ["--size", temporary, "--tmpfs", place]
        for mount in spec.inputs:
            arguments += ["--ro-bind", self._source(mount.source), mount.target]
        if spec.output is not None:
            arguments += ["--bind", self._source(spec.output.source), spec.output.target]
        if spec.channel is not None:
            arguments += ["--ro-bind", self._source(spec.channel), CHANNEL]
        for source, name in self._gpus.nodes:
            arguments += ["--dev-bind", self._source(source), name]
        for source, name in self._gpus.libraries:
            arguments += ["--ro-bind", self._source(source.resolve()), name]
        arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", spec.working_folder]
        names = ("--seccomp", "--json-status-fd", "--block-fd")
        for name, descriptor in zip(names, descriptors, strict=True):
            arguments += [name, str(descriptor)]
        return arguments

    def _root(self) -> list[str]:
        arguments: list[str] = []
        for path, target in self._entries():
            if path.is_symlink():
                arguments += ["--symlink", os.readlink(path), target]
            else:
                arguments += ["--ro-bind", self._source(path), target]
        return arguments

    def _entries(self) -> list[tuple[Path, str]]:
        """(what of the host, where in the box) of the root file system."""
        folder = self._spec.root.folder
        if folder is None:
            assert self._view is not None
            return [(path, str(path)) for path in self._view.paths if str(path) != "/etc/hosts"]
        names = sorted(path.name for path in folder.iterdir())
        entries = {f"/{name}": folder / name for name in names if name not in OWN_FOLDERS}
        if self._etc is not None:
            entries["/etc"] = self._etc
        return [(path, target) for target, path in entries.items()]


def _hidden() -> tuple[Path, ...]:
    """Files of the kernel's that an empty one lies upon; none where it has them not."""
    return (KEYS,) if KEYS.exists() else ()


def etc_with_hosts(root: Path, place: Path) -> Path | None:
    """A copy of the `etc` below `root` with an empty file for host names; None: it has its own.

    A file can only be mounted where one is, and nothing may be added to the image itself.
    """
    etc = root / "etc"
    if not etc.is_dir() or os.path.lexists(etc / "hosts"):
        return None
    copy = place / "etc"
    shutil.copytree(etc, copy, symlinks=True, copy_function=_copy_readable)
    (copy / "hosts").touch()
    return copy


def _copy_readable(source: str, target: str) -> None:
    """Copy a file; one that we may not read the box, which is no more than us, may not either."""
    with contextlib.suppress(PermissionError):
        shutil.copy2(source, target)
