"""Several processes that train one model: their group, what they exchange, and slices of it."""
