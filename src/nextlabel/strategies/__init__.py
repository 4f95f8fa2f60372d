"""Query strategies, one file each with its card; ``catalogue`` lists them without importing torch."""
