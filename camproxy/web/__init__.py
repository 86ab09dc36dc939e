"""People and devices come in here. Thin: what is decided is decided below."""
