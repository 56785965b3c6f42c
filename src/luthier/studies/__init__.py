"""Many runs under one protocol, and what they say together: a ladder of methods, seeds.

study.ask() ─► trial ─► run ─► outcome ─► study.tell() … ─► results ─► study.json, report.html

`trial.py` has the words; `runner.py` drives any study. A new kind of study is one new file.
"""
