"""A labelling desk: it asks for the answers that teach a model most, and keeps each at once.

    desk.ask() ─► question ─► desk.tell(answer) ─► journal ─► training beside it ─► next questions

`desk.py` is the door; `journal.py` keeps the answers, `pool.py` has the rows, `answers.py` says
what an answer may be, `chooser.py` trains and chooses, `beside.py` does that in another process.
"""
