"""What the scripts ask of a network: is the server there, can it be reached, would a device get in?

findings.py is what a check comes to; line.py checks the way to one address; local_server.py and firewalls.py look at
this machine; device.py does as a board does. Texts are for whoever is at the terminal, and English like those of the
other scripts. Nothing here is used by the server itself.
"""
