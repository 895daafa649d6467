"""Which rules read the source? One file per family; `registry.py` lists them in one order."""
