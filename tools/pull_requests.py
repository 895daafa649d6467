"""What do the pull requests of a clone add? Prints their shapes, counted, and how long it took."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from verifier.errors import RequestError
from verifier.submission import Repository, Shape, contents_of, pull_requests


def main(clone: Path) -> None:
    """Print one table for `clone`."""
    begun = time.monotonic()
    with Repository.at(clone) as repository:
        requests = pull_requests(repository)
        print(f"{len(requests)} pull requests, told in {time.monotonic() - begun:.1f} s")
        counts = Counter(request.shape for request in requests)
        for shape in Shape:
            print(f"{counts[shape]:6d} {shape}")
        squashed = sum(bool(r.merge) and r.shape is not Shape.MERGED for r in requests)
        print(f"{squashed:6d} of these are on main under another id (squashed)")
        print(f"{sum(r.folder is None for r in requests):6d} add no submission at all")
        candidates = [folder for request in requests for folder in request.folders]
        read = [contents_of(repository, folder) for folder in candidates]
    print(f"{len(read)} candidates read, {time.monotonic() - begun:.1f} s in all")
    print(f"{sum(bool(c.digest) for c in read):6d} with a digest")
    print(f"{sum(bool(c.missing) for c in read):6d} with files that the clone does not have")
    for reason, count in Counter(o.reason for c in read for o in c.objections).most_common():
        print(f"{count:6d} hold {reason}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/pull_requests.py PATH_OF_A_CLONE")
    try:
        main(Path(sys.argv[1]))
    except RequestError as refused:
        sys.exit(str(refused))
