"""The database: sessions, evals and the journal of requests, with one daemon as its only writer."""
