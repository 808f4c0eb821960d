"""Puts this folder on the import path, for the modules that the tests share.

Several processes run the tests; the threads of numpy would wait for each other's processors.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
