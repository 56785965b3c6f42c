"""A run's model for use elsewhere: as one plain checkpoint, or in a format of TensorFlow.

`merged.py` writes checkpoints; `tensorflow.py` writes what TensorFlow Serving and LiteRT read. A
further format implements the protocols of `exported.py`.
"""
