"""The analysis in a process of its own, so that a crash of a reader loses one answer only.

`protocol` is the one module that both ends share, `client` is the server's end, `__main__` the
worker's. Findings cross the boundary; trees, cursors and the intermediate form never do.
"""
