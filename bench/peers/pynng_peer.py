"""PUSH/PULL with pynng: LIBRARY recv|send URL COUNT SIZE (see c/bench.h)."""

import sys
import time

import pynng

_, role, url, count_text, size_text = sys.argv[1:]
count, size = int(count_text), int(size_text)

with pynng.Pull0() if role == "recv" else pynng.Push0() as socket:
    if role == "recv":
        socket.listen(url)
        print("ready", flush=True)
        recv = socket.recv
        recv()
        started = time.perf_counter()
        for _ in range(count):
            recv()
        print("measured", count, time.perf_counter() - started, flush=True)
    else:
        socket.dial(url, block=True)
        print("ready", flush=True)
        body = bytes(size)
        send = socket.send
        for _ in range(count + 1):
            send(body)
    sys.stdin.read()
