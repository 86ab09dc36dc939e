# What the server may tell the board to be like. The same fields and ranges as in the server's camproxy/device_config.py;
# a test holds the two together. Angles in degrees.

#: Name, default, least, most.
FIELDS = (
    ("servo1_min", 0, 0, 180),
    ("servo1_max", 180, 0, 180),
    ("servo2_min", 0, 0, 180),
    ("servo2_max", 180, 0, 180),
    ("servo1_trim", 0, -30, 30),
    ("servo2_trim", 0, -30, 30),
    ("speed", 180, 10, 600),  # degrees a second
    ("detach_seconds", 5, 0, 3600),  # of rest, until the servos are let go; 0 for never
)


class BadConfig(Exception):
    """Says which field cannot be."""


def default():
    return {name: value for name, value, _, _ in FIELDS}


def changed(config, sent):
    """`config` with what was sent. Fields that are not known here are for newer boards. Raises BadConfig."""
    if not isinstance(sent, dict):
        raise BadConfig("config must be an object")
    fresh = dict(config)
    for name, _, least, most in FIELDS:
        if name not in sent:
            continue
        value = sent[name]
        if type(value) is not int or not least <= value <= most:  # True is no number here
            raise BadConfig("%s must be a whole number from %d to %d" % (name, least, most))
        fresh[name] = value
    for servo in ("servo1", "servo2"):
        if fresh[servo + "_min"] >= fresh[servo + "_max"]:
            raise BadConfig("%s_min must be less than %s_max" % (servo, servo))
    return fresh
