"""A run's model for elsewhere: as one plain checkpoint, or in a format of TensorFlow.

`export.py` is the door; `merged.py` writes checkpoints; `tensorflow.py` what TensorFlow Serving and
LiteRT read.
"""
