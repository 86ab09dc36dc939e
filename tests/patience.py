"""How long a test waits for what has to come."""

#: On a machine whose cores are busy, in seconds. Who is promised something sooner says so in its test.
PATIENCE = 30.0
