"""A run's model for elsewhere: a plain checkpoint, a graph of ONNX, or a format of TensorFlow.

`export.py` is the door; `merged.py` writes checkpoints; `onnx.py` graphs; `tensorflow.py` what
TensorFlow Serving and LiteRT read.
"""
