"""What holds for all tests."""

from __future__ import annotations

import os
import signal
import sys

from hypothesis import HealthCheck, settings

# How long an example takes to make or to run says how busy the machine is, and nothing about the program.
settings.register_profile("devdeck", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("devdeck")

# Who runs the tests in the background of a script has ctrl+c ignored, and so would have every program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The Python of the tests is the one that repositories without an environment of their own find, and it has pytest;
# terminals are those of tests, whatever the tests were started in.
os.environ["PATH"] = os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)))
os.environ["TERM"] = "xterm-256color"
