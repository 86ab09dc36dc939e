"""Recording: from a frame hub to files that survive anything. Knows no Flask; the database is known to the catalogue only."""
