"""The tables, a file for each subject. `models.py` names them all."""
