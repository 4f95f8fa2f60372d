"""The experiments, figures and theory of the TOD papers; nothing else imports this package."""
