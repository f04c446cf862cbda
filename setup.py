"""What pyproject.toml has no form for: the C engine and the cffi adapters."""

import glob
import os

from setuptools import Extension, setup

C_FLAGS = ["-std=gnu11", "-O2", "-fvisibility=hidden"]
if os.environ.get("ANYMQ_WERROR"):
    C_FLAGS += ["-Wall", "-Wextra", "-Werror"]

ENGINE = "src/anymq/engine"

setup(
    ext_modules=[
        Extension(
            "anymq._engine",
            sources=sorted(glob.glob(f"{ENGINE}/*.c")),
            depends=[f"{ENGINE}/engine.h", "backends/include/anymq_ops.h"],
            include_dirs=[ENGINE, "backends/include"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            extra_compile_args=C_FLAGS,
            extra_link_args=["-pthread"],
            py_limited_api=True,
        )
    ],
    cffi_modules=[
        "backends/anymq_nanomsg/build_nanomsg.py:ffi",
        "backends/anymq_nng/build_nng.py:ffi",
        "backends/anymq_zmq/build_zmq.py:ffi",
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
