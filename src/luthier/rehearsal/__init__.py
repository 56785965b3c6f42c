"""Query strategies played on rows whose labels are known, as a desk would ask for them.

    pool ─► first batch ─► model ─► next batch ─► … ─► scores by labels ─► which strategy is best

`rehearse.py` is the door; `play.py` plays one strategy once, `compared.py` compares them.
"""
