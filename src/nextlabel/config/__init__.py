"""The settings of an experiment, checked at the edge. Imports no torch."""
