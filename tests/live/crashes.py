"""crashes.py: how long guests were without traffic when the switch was killed, again and again.

CRASHES in the environment is the number of kills: a few by default; `CRASHES=100` is the long form, which says how far it is.
"""
import math
import os

from rig import measured


def n_crashes(few):
    return int(os.environ.get("CRASHES", few))


class Outages:
    """Lengths in seconds, each under the name of what was measured."""

    def __init__(self):
        self.lengths = {}

    def add(self, lengths):
        for what, seconds in lengths.items():
            self.lengths.setdefault(what, []).append(seconds)
        n = len(next(iter(self.lengths.values())))
        if "CRASHES" in os.environ and n % 10 == 0:
            self.report(f"after {n} kills")

    def report(self, when="switch killed -9"):
        for what, lengths in self.lengths.items():
            lengths = sorted(lengths)
            # The smallest that no more than the share named exceed.
            rank = lambda share: lengths[math.ceil(share * len(lengths)) - 1]
            measured(f"{when}, {what}, median, p99 and worst of {len(lengths)}",
                     f"{rank(0.5):.2f}, {rank(0.99):.2f}, {lengths[-1]:.2f} s")
