# python-daemon.py PROGRAM ARGUMENTS: runs a program as a daemon.

import os
import sys

import daemon

with daemon.DaemonContext():
    os.execv(sys.argv[1], sys.argv[1:])
