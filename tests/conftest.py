"""For all tests of this process; the programs that tests start do not see it."""

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # the frames are tiny here, and threads cost more than they bring
