"""How long `import` and the first socket take: LIBRARY PACKAGE BACKEND; imports nothing else."""

import sys
import time

library, package, backend = sys.argv[1:]

started = time.perf_counter()
if package == "anymq":
    import anymq

    socket = anymq.Socket("push", backend=anymq.get_backend(backend, library=library))
elif package == "pyzmq":
    import zmq

    socket = zmq.Context().socket(zmq.PUSH)
elif package == "pynng":
    import pynng

    socket = pynng.Push0()
elif package == "nng":
    import nng

    socket = nng.PushSocket()
elif package == "nnpy":
    import nnpy

    socket = nnpy.Socket(nnpy.AF_SP, nnpy.PUSH)
else:
    import nanomsg

    socket = nanomsg.Socket(nanomsg.PUSH)
took = time.perf_counter() - started
print("ready", flush=True)
print("started", flush=True)
print(f"measured 1 {took:.9f}", flush=True)
sys.stdin.read()
socket.close()
