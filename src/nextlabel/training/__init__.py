"""How torch learners train: batches, the loop, checkpoints, prediction."""
