"""The ways on which frames leave: handed-over sockets (fanout), Socket.IO, and one picture at a time."""
