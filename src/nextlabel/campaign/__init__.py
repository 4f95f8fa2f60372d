"""Ask, tell, run and fork: a ledger joined with a pool, a learner and a strategy."""
