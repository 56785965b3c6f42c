"""Training rows that no one labelled: functions vote on them, and their votes become soft labels.

rows ─► votes of each function ─► votes merged ─► rows with the probability of each label
"""
