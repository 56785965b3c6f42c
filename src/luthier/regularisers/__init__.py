"""One file per regulariser: a hook in training, named in the recipe's `regularisers`."""
