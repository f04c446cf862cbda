"""What pyproject.toml has no form for: the C parts, and packages that lie in three places."""

import glob
import os

from setuptools import Extension, find_packages, setup

C_FLAGS = ["-std=gnu11", "-O2", "-fvisibility=hidden"]
if os.environ.get("ANYMQ_WERROR"):
    C_FLAGS += ["-Wall", "-Wextra", "-Werror"]

ENGINE = "src/anymq/engine"
INCLUDE = "src/anymq/include"
SUITE = "tests/conformance"
BACKENDS = find_packages("backends")

setup(
    packages=[*find_packages("src"), *BACKENDS, "anymq_conformance"],
    package_dir={
        "": "src",
        **{name: f"backends/{name}" for name in BACKENDS},
        # The conformance suite, under the name by which others can run it.
        "anymq_conformance": SUITE,
    },
    package_data={"": ["py.typed", "*.pyi", "*.css", "*.js"], "anymq": ["include/*.h"]},
    ext_modules=[
        Extension(
            "anymq._engine",
            sources=sorted(glob.glob(f"{ENGINE}/*.c")),
            depends=[*glob.glob(f"{ENGINE}/*.h"), *glob.glob(f"{INCLUDE}/*.h")],
            include_dirs=[ENGINE, INCLUDE],
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
