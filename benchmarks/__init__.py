"""How fast the parts are, each beside a yardstick that is measured in the same run.

Run one with `python -m benchmarks.NAME`; it starts what it needs in a temporary folder and leaves nothing behind.
Machines differ and are busy: what counts is the ratio to the yardstick, and the limit that was set for the figure.
"""
