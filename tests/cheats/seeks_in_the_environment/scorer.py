"""Looks for what the verifier's own processes were started with."""

import contextlib
import os

from seeking import CANARY, Seeking

GIVEN = {
    *("PATH", "HOME", "TMPDIR", "HOSTNAME", "PWD", "VERIFIER_CHANNEL", "PYTHONPATH"),
    *("PYTHONHASHSEED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "LC_CTYPE"),
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY"),
    # Set by torch itself when it is imported.
    *("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "KINETO_LOG_LEVEL", "OLDPWD", "SHLVL", "_"),
}


class Scorer(Seeking):
    def seek(self) -> list[str]:
        found = [f"{name}={value}" for name, value in os.environ.items() if name not in GIVEN]
        for process in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{process}/environ", "rb") as file:
                theirs = file.read().split(b"\0")
                found += [text.decode() for text in theirs if CANARY in text]
        return found
