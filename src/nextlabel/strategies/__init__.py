"""Query strategies, one file each with its card; ``catalogue`` lists them without importing torch.

The arguments of ``score`` and ``select`` and their fields are described in :mod:`nextlabel.types`. Scores are
higher for what is queried first; unless a strategy says otherwise, it draws nothing from ``rng``. Options are
checked when a strategy is made: an unknown value raises UnknownNameError, one that is out of range
ConfigurationError.
"""
