"""How does a verdict travel? One file that any machine reads again, and that says when it was cut.

A bundle is a canonical tar (`tarball`) in a sealed gzip (`sealing`), made of regular files that
`manifest` lists; `fetching` brings one from an http(s) address. Whoever reads one trusts nothing in
it: it is read only if it is byte for byte what would be written. Must never judge a verdict.
"""

from verifier.bundle.fetching import fetch
from verifier.bundle.manifest import MANIFEST, Named, manifest
from verifier.bundle.packing import Packed, pack, pack_folder
from verifier.bundle.tarball import BUNDLE, Bounds
from verifier.bundle.unpacking import unpack, unpack_tar

__all__ = [
    "BUNDLE",
    "MANIFEST",
    "Bounds",
    "Named",
    "Packed",
    "fetch",
    "manifest",
    "pack",
    "pack_folder",
    "unpack",
    "unpack_tar",
]
