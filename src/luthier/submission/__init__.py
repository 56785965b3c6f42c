"""Job files for clusters: a run's command, and what a scheduler is to give it."""
