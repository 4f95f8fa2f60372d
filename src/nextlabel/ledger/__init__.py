"""The record of a campaign: events, the state they fold into, and the database. No torch."""
