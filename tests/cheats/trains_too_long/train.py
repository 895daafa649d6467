"""Goes on training when its time is over."""

import time

from honest_train import train

SECONDS = 60.0

train()
time.sleep(SECONDS)
