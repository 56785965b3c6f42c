"""Explains rows of a finished run: from texts, a file or places to what their words added.

    texts, data, rows or errors ─► rows ─► explanations ─► page

`explain.py` is the door; `chosen.py` has the rows, `pages.py` what is written. `explaining/` says
how a decision is attributed to words.
"""
