"""Numerical checks of the theorem behind temporal output discrepancy, on small networks.

Each check draws its own networks, takes training steps, and compares how far the outputs moved with the
bounds of :mod:`nextlabel.discrepancy`. No learners or runs are involved.
"""
