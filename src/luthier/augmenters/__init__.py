"""Ways of changing training texts, redrawn in every epoch; one file each."""
