# What is kept in flash: small JSON files, whole or not at all.

import json
import os


def load(name):
    """What the file holds; None when there is none, or when it is no JSON (a file half written by hand)."""
    try:
        with open(name) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def save(name, value):
    """The power may go at any moment: then the file is what it was before. Raises OSError when the flash is full."""
    fresh = name + ".new"
    with open(fresh, "w") as file:
        json.dump(value, file)
    os.sync()
    os.rename(fresh, name)


def remove(name):
    try:
        os.remove(name)
    except OSError:
        pass  # it was not there
