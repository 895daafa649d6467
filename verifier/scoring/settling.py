"""Before a blind box begins: what the kernel remembers must not tell what an earlier box saw.

Boxes of one image share its pages on the host. A pass could note what it saw, a bit a page, by what
it brings in and what it drops; a blind box would look which of its reads reach the disk. So a blind
box first reads everything that it can read, all of it, and only then becomes the scorer. (PROTOCOL
§7 speaks of evicting; pages that are mapped cannot be evicted, and reading needs no rights.)

They share the kernel's memory of names, too, those that are not there among them: it is made to
forget them, where this user may.
"""

from __future__ import annotations

from dataclasses import replace

from verifier.sandbox import names
from verifier.scoring.box import Setting

# Without the submission's own folders: its code must not be there first.
COMMAND = ("python3", "-I", "-S", "/harness/settle.py")


def settled(setting: Setting) -> Setting:
    """Drop the names that earlier boxes looked up; the setting for boxes that read in their files.

    No earlier box may be alive. The setting stays as it is where boxes run on the host's own files
    instead of an image: there `lacking` says so.
    """
    names.forget()
    root = setting.spec.root
    if root.folder is None and root.tar is None:
        return setting
    return replace(setting, spec=replace(setting.spec, argv=(*COMMAND, *setting.spec.argv)))
