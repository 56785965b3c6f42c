"""The shapes of files that `luthier init` recognises, one file each; see `recognise.py`."""
