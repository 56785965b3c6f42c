"""Ways of changing training texts, drawn anew in every epoch; one file each."""
