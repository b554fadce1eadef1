"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes to make or to run says how busy the machine is, and nothing about the program.
settings.register_profile("devdeck", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("devdeck")
