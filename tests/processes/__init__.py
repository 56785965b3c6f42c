"""Several processes against one: what is computed, saved and told."""
