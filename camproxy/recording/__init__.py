"""Recording: from a frame hub to files that survive anything. Knows no Flask; only its catalogue knows the database."""
