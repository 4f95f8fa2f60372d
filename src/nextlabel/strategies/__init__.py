"""Query strategies, one file an algorithm; ``catalogue`` lists them without importing torch."""
