"""Measures what work costs by itself, whatever else the machine and the tests before it have to do."""

import gc
import time


def spent(work):
    """Seconds of CPU. No collection of what other tests left behind falls into them."""
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()


def assert_linear(work, short, long, *, most=40, least=0.005):
    """`work(long)` takes at most `most` times what `work(short)` does; less than `least` seconds is noise."""
    before = spent(lambda: work(short))
    after = spent(lambda: work(long))

    assert after < most * max(before, least)
