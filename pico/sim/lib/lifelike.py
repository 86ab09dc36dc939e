# What this MicroPython lacks of the Pico W's, or has in another way. Run once, before main.py.

import sys

import c_binascii

sys.modules["binascii"] = c_binascii  # before anybody imports the frozen one

import asyncio
import asyncio.core as core
import binascii
import gc
import hashlib
import os

import bridge
import chipclock  # changes `time`
import streams


class _Sha1:
    def __init__(self, data=b""):
        self._data = bytes(data)

    def update(self, data):
        self._data += bytes(data)

    def digest(self):
        return binascii.a2b_base64(bridge.sha1(binascii.b2a_base64(self._data).decode()))


class _Hashlib:
    sha1 = _Sha1
    sha256 = hashlib.sha256


class _Gc:
    """The collector as the chip's; `heap` among the faults makes it tell of less memory than there is."""

    def __init__(self, gc):
        self._gc = gc
        self.mem_alloc = gc.mem_alloc
        self.threshold = gc.threshold
        self.enable = gc.enable

    def collect(self):
        self._gc.collect()
        streams.collect()

    def mem_free(self):
        said = bridge.free_heap()
        # The chip has some 190 KB; what Emscripten has is no measure.
        return said if said >= 0 else max(0, 190 * 1024 - self._gc.mem_alloc())


def _run(main):
    """The chip's never returns here either, but there it is because it waits."""
    task = core.create_task(main)
    core._schedule_run_iter(0)
    return task


def _urandom(count):
    return binascii.a2b_base64(bridge.random(count))


def _written(function):
    def change(*arguments):
        function(*arguments)
        bridge.flash_written()

    return change


sys.modules["gc"] = _Gc(gc)
sys.modules["hashlib"] = _Hashlib
os.urandom = _urandom
os.sync = bridge.flash_written
os.rename = _written(os.rename)
os.remove = os.unlink = _written(os.remove)
asyncio.run = _run
asyncio.open_connection = streams.open_connection
asyncio.StreamReader = asyncio.StreamWriter = streams.Stream
bridge.sockets.on_change(streams.changed)

# What a Pico has in its firmware counts for nothing there, so it is here before the heap is measured.
import json
import machine
import network
import ntptime
import random
import struct

asyncio.Event, asyncio.Lock, asyncio.gather, asyncio.wait_for
