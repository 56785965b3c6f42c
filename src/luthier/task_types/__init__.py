"""What the tasks of one unit share: how rows become inputs, and outputs become answers.

A task is a plug-in and plug-ins never import each other, so what two tasks need alike sinks here.
"""
