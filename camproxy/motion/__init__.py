"""Motion in the picture: what a camera sees that moves by itself. Knows neither Flask nor the database."""
