"""Debian's `motion` beside us: a program of the trade that also takes a camera's stream and serves it to many."""

import shutil


def installed() -> bool:
    return False


class Motion:
    pass
