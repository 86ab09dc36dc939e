"""Steering: what can be asked, where the head is, and who has the wheel. Knows neither Flask nor the database."""
