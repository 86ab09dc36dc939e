# The C module: the frozen one of that name is slower and knows less.

from ubinascii import *
