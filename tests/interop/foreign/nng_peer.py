"""A peer on the `nng` package: PROTOCOL listen|dial URL."""

import sys

import nng
from commands import LIMIT_MS, serve

CLASSES = {
    "bus": nng.BusSocket,
    "pub": nng.PubSocket,
    "sub": nng.SubSocket,
    "push": nng.PushSocket,
    "pull": nng.PullSocket,
    "req": nng.ReqSocket,
    "rep": nng.RepSocket,
    "surveyor": nng.SurveyorSocket,
    "respondent": nng.RespondentSocket,
}

protocol, action, url = sys.argv[1:]
if protocol in ("pair", "pair1"):
    socket = nng.PairSocket(v0=protocol == "pair")
else:
    socket = CLASSES[protocol]()
socket.recv_timeout = socket.send_timeout = LIMIT_MS
if protocol == "sub":
    socket.subscribe(b"")
if protocol == "surveyor":
    socket.survey_time = LIMIT_MS
if action == "listen":
    socket.add_listener(url).start()
else:
    socket.add_dialer(url).start(block=True)
serve(socket.send, lambda: bytes(socket.recv()))
socket.close()
