"""The best model that so many minutes buy: candidates tried in turn, the best one judged.

    candidates.py   what is tried, in which order      lengths.py   how long, with the time left
    clock.py        the time                           watch.py     ends a trial in time
    trials.py       runs one candidate                 story.py     describes the search
    search.py       what is tried next               run_within.py   the search from outside

Candidates are chosen by validation scores alone; only the last one's test rows are looked at.
"""
