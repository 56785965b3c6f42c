"""Measurements of speed, memory and quality, against Hugging Face's libraries.

`python -m benchmarks` lists them, and `python -m benchmarks NAME [ARGS]` runs one. Each is a folder
with the question and the protocol (`README.md`) and the program that answers it (`measure.py`);
what several measurements share stands beside the folders.
"""
