"""Packs nothing, and takes its time."""

import os
import shutil
import time

SECONDS = 0.5

shutil.copytree(os.environ["IN"], os.environ["OUT"], dirs_exist_ok=True)
time.sleep(SECONDS)
