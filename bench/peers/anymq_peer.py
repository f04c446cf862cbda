"""PUSH/PULL with anymq: LIBRARY recv|send URL COUNT SIZE BACKEND single|batch (see c/bench.h)."""

import sys
import time

import anymq

library, role, url, count_text, size_text, name, mode = sys.argv[1:]
count, size = int(count_text), int(size_text)
backend = anymq.get_backend(name, library=library)
BATCH = 1000


def receive(socket: anymq.Socket) -> None:
    first = 1
    if mode == "single":
        recv = socket.recv
        recv()
        started = time.perf_counter()
        for _ in range(count):
            recv()
    else:
        recv_many = socket.recv_many
        first = len(recv_many(BATCH))
        left = count + 1 - first
        started = time.perf_counter()
        while left > 0:
            left -= len(recv_many(BATCH))
    print("measured", count + 1 - first, time.perf_counter() - started, flush=True)


def send(socket: anymq.Socket) -> None:
    body = bytes(size)
    if mode == "single":
        send = socket.send
        for _ in range(count + 1):
            send(body)
    else:
        batch = [body] * BATCH
        left = count + 1
        while left > 0:
            left -= socket.send_many(batch[:left] if left < BATCH else batch)


with anymq.Socket("pull" if role == "recv" else "push", backend=backend) as socket:
    if role == "recv":
        socket.listen(url)
    else:
        socket.dial(url)
    print("ready", flush=True)
    (receive if role == "recv" else send)(socket)
    sys.stdin.read()
