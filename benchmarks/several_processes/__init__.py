"""Time and memory of several processes; see `measure.py`."""
