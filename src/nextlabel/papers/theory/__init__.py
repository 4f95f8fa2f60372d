"""The theorem behind temporal output discrepancy, checked by number on small networks.

Nothing here trains a learner or reads a run: every check draws its own networks, takes its own steps and puts
what moved next to the bounds of :mod:`nextlabel.discrepancy`.
"""
