"""Answers from a finished run: for texts, for files, and scored on new labelled data.

`predictor.py` is the door; `given_rows.py` makes rows of what a caller gives; `write_answers.py`
writes a file's rows with their answers.
"""
