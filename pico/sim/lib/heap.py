# How much of the heap the firmware takes: without these shims, which a board does not have.

import gc

_before = 0
_most = 0


def collect():
    gc.collect()


def begin():
    global _before
    _before = gc.mem_alloc()


def look():
    """Called where a board is busy: whenever a socket is read or written, and for every pulse."""
    global _most
    _most = max(_most, gc.mem_alloc() - _before)


def tell():
    import json

    import bridge

    bridge.say("heap", json.dumps({"used": gc.mem_alloc() - _before, "most": _most}))
