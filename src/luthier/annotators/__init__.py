"""Rows that several people have answered: how far they agree, and one row in place of theirs.

rows ─► gather ─► answers of a kind ─► agreement, accuracy of each ─► one row for each text
"""
