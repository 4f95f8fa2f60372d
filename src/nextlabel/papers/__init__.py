"""Experiments, figures and theory of the TOD papers. No other package imports this one."""
