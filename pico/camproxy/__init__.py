# The firmware of the pan/tilt head. app.py is the table of contents.

VERSION = "1.0.0"
