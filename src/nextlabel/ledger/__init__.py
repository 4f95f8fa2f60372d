"""What happened in a campaign: events, their fold and the database. Imports no torch."""
