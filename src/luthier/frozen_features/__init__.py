"""Methods and baselines that fit a head on stored features of a frozen model share this."""
