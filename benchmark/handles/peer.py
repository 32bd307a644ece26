"""Messages with descriptors in Python: socket.send_fds() and socket.recv_fds() between two processes, one call a message.

peer.py flood MESSAGES DESCRIPTORS BYTES ROUNDS   prints the milliseconds of each round, from the first message until the
                                                  receiver has confirmed all messages: [1.25, 1.19]
peer.py trip TRIPS                                prints the milliseconds of each round trip of a byte with a descriptor
"""

import errno
import json
import os
import socket
import sys
import time

MOST = 253


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) / 1e6


def send(end, data, descriptors):
    if not descriptors:
        end.sendall(data)
        return
    while True:
        try:
            socket.send_fds(end, [data], descriptors)
            return
        except OSError as error:
            # No more may be in flight than the limit of open files: then the receiver is to catch up.
            if error.errno != errno.ETOOMANYREFS:
                raise
            os.sched_yield()


def receive(end, room):
    data, descriptors, flags, _ = socket.recv_fds(end, room, MOST, socket.MSG_CMSG_CLOEXEC)
    if not data or flags & socket.MSG_CTRUNC:
        raise RuntimeError('the other end is gone' if not data else 'descriptors were lost')
    return data, descriptors


def drain(end, messages, count, length):
    room = max(length, 65536)
    left = messages * length
    expected = messages * count
    while left > 0:
        data, descriptors = receive(end, room)
        left -= len(data)
        expected -= len(descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
    if expected != 0:
        raise RuntimeError(f'{expected} descriptors too few')


def measure_flood(end, descriptor, messages, count, length, rounds):
    data = bytes(length)
    descriptors = [descriptor] * count
    times = []
    for _ in range(rounds):
        began = now()
        for _ in range(messages):
            send(end, data, descriptors)
        if end.recv(1) != b'\0':
            raise RuntimeError('the other end is gone')
        times.append(now() - began)
    return times


def answer_flood(end, messages, count, length, rounds):
    for _ in range(rounds):
        drain(end, messages, count, length)
        end.send(b'\0')


def measure_trip(end, descriptor, trips):
    times = []
    for _ in range(trips):
        began = now()
        send(end, b'\0', [descriptor])
        for came in receive(end, 1)[1]:
            os.close(came)
        times.append(now() - began)
    return times


def answer_trip(end, trips):
    for _ in range(trips):
        _, descriptors = receive(end, 1)
        send(end, b'\0', descriptors)
        for came in descriptors:
            os.close(came)


def main(what, *args):
    numbers = [int(arg) for arg in args]
    measure, answer = {'flood': (measure_flood, answer_flood), 'trip': (measure_trip, answer_trip)}[what]
    server = socket.create_server(('127.0.0.1', 0))
    here, there = socket.socketpair()
    child = os.fork()
    if child == 0:
        here.close()
        answer(there, *numbers)
        os._exit(0)
    there.close()
    print(json.dumps(measure(here, server.fileno(), *numbers)))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


sys.exit(main(*sys.argv[1:]))
