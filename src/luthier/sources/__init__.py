"""The rows that a recipe names: labelled ones, and further rows beside those of the splits."""
