"""One file per kind of input column: how its cells become model arguments."""
