"""Speed-ups that leave what a model computes unchanged: less work, the same function.

`host_copies.py` keeps a batch readable that went to a device; `layout.py` says where real tokens
stand; `attention.py` attends among them, `jagged.py` on a GPU, where Transformers asks for it by
its `hf_attention.py`; `unpadded.py` has a stack's blocks compute real tokens alone, and the last
block only what the head reads; `head.py` scores words where there is a label; `dropout.py` draws
masks cheaply; `vocabulary.py` leaves out words that the rows never use. `apply.py` puts them into a
model for a while, each only where a trial on a batch gives the same as without.
"""
