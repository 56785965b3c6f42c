"""A search for settings: the space, the trials on one journal, pruning, and what came of it.

`space.py` ─► `journal.py` (which trial is next) ─► `worker.py` (runs them) ─► `found.py`
"""
