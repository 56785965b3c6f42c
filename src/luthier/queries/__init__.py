"""One file per way of choosing which rows to label next."""
