"""Does the same as worker.js, with the standard library of Python."""
import json
import os
import socket
import struct
import sys

descriptor = int(os.environ["CHANNEL_FD"])
# Otherwise, children of this process would inherit the descriptor, too.
os.set_inheritable(descriptor, False)
parent = socket.socket(fileno=descriptor)

# A message begins with two little-endian numbers of 32 bits: the number of bytes, and, in 30 of the bits, the number of
# descriptors. The bytes follow. They are JSON.
HEADER = struct.Struct("<II")
COUNT = (1 << 30) - 1

# Received descriptors that no message has taken yet.
descriptors = []


def read(size):
    data = b""
    while len(data) < size:
        more, received, _, _ = socket.recv_fds(parent, size - len(data), 253, socket.MSG_CMSG_CLOEXEC)
        if not more:
            sys.exit()
        data += more
        descriptors.extend(received)
    return data


def receive():
    length, word = HEADER.unpack(read(HEADER.size))
    message = json.loads(read(length))
    return message, [descriptors.pop(0) for _ in range(word & COUNT)]


def send(message):
    data = json.dumps(message).encode()
    parent.sendall(HEADER.pack(len(data), 0) + data)


send({"hello": "from Python"})
while True:
    message, [letter] = receive()
    send({"did": message["read"], "inode": os.fstat(letter).st_ino, "text": os.read(letter, 1000).decode()})
