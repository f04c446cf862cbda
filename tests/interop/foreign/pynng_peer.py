"""A peer on pynng: PROTOCOL listen|dial URL."""

import sys

import pynng
from commands import LIMIT_MS, serve

CLASSES = {
    "pair": pynng.Pair0,
    "pair1": pynng.Pair1,
    "bus": pynng.Bus0,
    "pub": pynng.Pub0,
    "sub": pynng.Sub0,
    "push": pynng.Push0,
    "pull": pynng.Pull0,
    "req": pynng.Req0,
    "rep": pynng.Rep0,
    "surveyor": pynng.Surveyor0,
    "respondent": pynng.Respondent0,
}

protocol, action, url = sys.argv[1:]
with CLASSES[protocol](send_timeout=LIMIT_MS, recv_timeout=LIMIT_MS) as socket:
    if protocol == "sub":
        socket.subscribe(b"")
    if protocol == "surveyor":
        socket.survey_time = LIMIT_MS
    if action == "listen":
        socket.listen(url)
    else:
        socket.dial(url, block=True)
    # recv() of pynng raises on an empty message; recv_msg() does not
    serve(socket.send, lambda: socket.recv_msg().bytes)
