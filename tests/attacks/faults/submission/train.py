"""The honest training in slow motion: a warm-up, the data, a while, the artifact."""

import os
import time
from pathlib import Path

from honest_train import train

WARM_UP_SECONDS, AFTERWARDS_SECONDS, LOOK_SECONDS = 1.0, 1.0, 0.01

time.sleep(WARM_UP_SECONDS)
(Path(os.environ["OUT"]) / ".ready").touch()
while not (Path(os.environ["DATA"]) / ".ready").exists():
    time.sleep(LOOK_SECONDS)
train()
time.sleep(AFTERWARDS_SECONDS)
