"""Labels in the files of other tools, both ways: Label Studio, doccano, Prodigy and Argilla.

    file ─► records of a tool ─► answers ─► records of another tool ─► file

`answers.py` has what all of them say, a file for each tool how it says it, `convert.py` the door.
"""
