"""The one thing that pyproject.toml cannot say: masking in C, for whoever has a compiler."""

import sys
import sysconfig

from setuptools import Extension, setup

# One binary for all versions, except where Python has no such promise: without the GIL, on PyPy.
STABLE = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")

setup(
    ext_modules=[
        Extension(
            "eventproto.websocket._mask_accelerator",
            ["src/eventproto/websocket/_mask_accelerator.c"],
            py_limited_api=STABLE,
            optional=True,  # without a compiler, _mask.py does it in Python
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE else {},
)
