"""Checks of the rows before anything is trained."""
