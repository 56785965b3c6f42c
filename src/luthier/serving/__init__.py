"""A server for a trained model: `app.py` has the routes, `batcher.py` the queue.

    request ─► guard ─► shapes ─► batcher ─► beside ═(pipe)═► worker: the model, in its own process

The process that speaks HTTP loads no model: one that dies is started again, and the server goes on.
"""
