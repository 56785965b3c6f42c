"""One file per way of attributing a decision to words."""
