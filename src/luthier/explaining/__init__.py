"""Why a model answered as it did: the reader of a model, and what is made of its answers."""
