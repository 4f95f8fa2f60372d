"""Training losses, one file per objective, with its card; ``catalogue`` lists them without importing torch.

An objective turns a labelled and an unlabelled batch into named losses. It knows nothing of pools, cycles,
optimisers or the order of the data.
"""
