"""Puts this folder on the import path, for the modules that the tests share.

Several processes run the tests; the threads of numpy would wait for each other's processors. What
hypothesis draws is the same in every run: long runs look for more (tests/properties/run.py).
"""

import os

from hypothesis import settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")
