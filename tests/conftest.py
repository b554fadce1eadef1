"""What holds for all tests."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# How long an example takes to make or to run says how busy the machine is, and nothing about the program.
settings.register_profile("devdeck", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("devdeck")

# Who runs the tests in the background of a script has ctrl+c ignored, and so would have every program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
