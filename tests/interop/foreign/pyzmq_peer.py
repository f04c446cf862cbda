"""A peer on pyzmq: PROTOCOL listen|dial URL."""

import sys

import zmq
from commands import LIMIT_MS, serve

protocol, action, url = sys.argv[1:]
with zmq.Context() as context, context.socket(getattr(zmq, protocol.upper())) as socket:
    socket.setsockopt(zmq.LINGER, 1000)
    socket.setsockopt(zmq.SNDTIMEO, LIMIT_MS)
    socket.setsockopt(zmq.RCVTIMEO, LIMIT_MS)
    if protocol == "sub":
        socket.subscribe(b"")
    if action == "listen":
        socket.bind(url)
    else:
        socket.connect(url)
    serve(socket.send, socket.recv, socket.send_multipart, socket.recv_multipart)
