"""Arrays in, rows out: the view that a strategy sees, and the batch that it selects."""
