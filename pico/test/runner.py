# Runs the test functions of every test_*.py that lies beside it, under MicroPython, and says what became of each. A test
# is a function whose name begins with test_, plain or async; it fails by an exception.

import asyncio
import io
import json
import os
import sys

import bridge

TIMEOUT = 10
lines = {}


def trace(frame, event, argument):
    """Which lines of the firmware have run."""
    file = frame.f_code.co_filename
    if not file.startswith("/camproxy/") and not file.startswith("camproxy/"):
        return None
    seen = lines.setdefault(file, set())

    def local(frame, event, argument):
        seen.add(frame.f_lineno)
        return local

    seen.add(frame.f_lineno)
    return local


async def run(name, test):
    try:
        result = test()
        if result is not None:  # an async one
            await asyncio.wait_for(result, TIMEOUT)
    except Exception as error:
        report = io.StringIO()
        sys.print_exception(error, report)
        bridge.say("test", json.dumps({"name": name, "failed": report.getvalue()}))
    else:
        bridge.say("test", json.dumps({"name": name}))


async def main():
    if hasattr(sys, "settrace"):
        sys.settrace(trace)
    for file in sorted(os.listdir("/")):
        if file.startswith("test_") and file.endswith(".py"):
            module = __import__(file[:-3])
            for name in sorted(dir(module)):
                if name.startswith("test_"):
                    await run(file[:-3] + "." + name, getattr(module, name))
    if hasattr(sys, "settrace"):
        sys.settrace(None)
    bridge.say("lines", json.dumps({file: sorted(seen) for file, seen in lines.items()}))


asyncio.run(main())
