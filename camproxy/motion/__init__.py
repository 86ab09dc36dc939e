"""Motion: what moves before a camera, and where its head pointed. Who looks knows neither Flask nor the database."""
