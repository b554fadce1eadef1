"""Write the published schemas anew."""

from __future__ import annotations

from pathlib import Path

from devdeck.configuration.schema import NAMES, generate

for name in NAMES:
    Path(__file__).with_name(f"{name}.schema.json").write_bytes(generate(name))
