"""Speed-ups that leave what a model computes unchanged: less work, the same function.

`layout.py` says where real tokens stand; `attention.py` attends among them; `unpadded.py` has a
model's blocks compute real tokens alone, and the last block only what the head reads; `dropout.py`
draws masks cheaply; `vocabulary.py` leaves out words that the rows never use. `install.py` puts
them into a model for a while, each only where a trial on a batch gives the same as without.
"""
