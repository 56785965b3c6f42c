"""Speed-ups that leave what a model computes unchanged: less work, the same function.

- `host_copies.py` keeps a host copy of a batch that was moved to a device.
- `layout.py` finds the real tokens of a padded batch.
- `attention.py` computes attention among them on a CPU, `jagged.py` on a GPU; `hf_attention.py`
  registers both as an attention function of Transformers.
- `unpadded.py` runs a stack's blocks on real tokens alone, and the last block only on the tokens
  that the head reads.
- `head.py` computes logits over the vocabulary only at labelled positions.
- `dropout.py` draws dropout masks cheaply.
- `vocabulary.py` leaves out embeddings of words that no row uses.

`apply.py` installs them in a model temporarily, each only if a trial on a batch gives the same
outputs with and without it.
"""
