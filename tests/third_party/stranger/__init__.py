"""A package that Luthier has never heard of: a kind of input, a task, a loss, a metric, a panel."""
