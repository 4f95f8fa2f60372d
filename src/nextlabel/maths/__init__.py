"""Pure functions of tensors; knows nothing of pools, models or strategies."""
