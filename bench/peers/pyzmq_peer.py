"""PUSH/PULL with pyzmq: LIBRARY recv|send URL COUNT SIZE (see c/bench.h)."""

import sys
import time

import zmq

_, role, url, count_text, size_text = sys.argv[1:]
count, size = int(count_text), int(size_text)

with zmq.Context() as context, context.socket(zmq.PULL if role == "recv" else zmq.PUSH) as socket:
    if role == "recv":
        socket.bind(url)
        print("ready", flush=True)
        recv = socket.recv
        recv()
        started = time.perf_counter()
        for _ in range(count):
            recv()
        print("measured", count, time.perf_counter() - started, flush=True)
    else:
        socket.connect(url)
        print("ready", flush=True)
        body = bytes(size)
        send = socket.send
        for _ in range(count + 1):
            send(body)
    sys.stdin.read()
