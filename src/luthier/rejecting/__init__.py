"""Texts that fit no label: rules fitted on validation rows, and judged on test rows.

`fit.py` (the rule) ─► `judge.py` (what it is worth); answering by it: `held.py`
"""
