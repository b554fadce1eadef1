from __future__ import annotations

import subprocess
import sys


def test_it_can_be_imported_while_a_full_screen_program_owns_stdout() -> None:
    """Textual's stand-in for stdout has no encoding, for which libtmux asks when it is imported."""
    script = (
        "import sys\n"
        "class Capture:\n"
        "    def write(self, text): raise AssertionError(text)\n"
        "    def flush(self): pass\n"
        "sys.stdout = Capture()\n"
        "import backends.tmux.making\n"
        "sys.stdout = sys.__stdout__\n"
        "print('imported')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("imported\n", "")
