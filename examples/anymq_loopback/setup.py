"""What pyproject.toml has no form for: the adapter, and the library that the package carries.

A backend for a library that users have already leaves the extension out, and `bundled` too.
"""

from setuptools import Extension, setup

setup(
    cffi_modules=["anymq_loopback/build_loopback.py:ffi"],
    ext_modules=[
        Extension(
            "anymq_loopback.libloopback",  # no Python module: a plain library that is carried along
            sources=["library/connections.c", "library/sockets.c"],
            depends=["library/internal.h", "library/loopback.h"],
            extra_compile_args=["-std=gnu11"],
            extra_link_args=["-pthread"],
            py_limited_api=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
