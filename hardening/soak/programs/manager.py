"""manager.py SOCKET: prints a line when it listens, and then each datagram."""
import socket
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("ready", flush=True)
while True:
    print(listener.recv(65536).decode(), flush=True)
