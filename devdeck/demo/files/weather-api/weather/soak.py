"""A load run against the service: prints what it asks for until it is stopped."""

import itertools
import math
import random
import time

STATIONS = ["hohenpeissenberg", "zugspitze", "helgoland", "brocken", "list-auf-sylt", "potsdam"]
GREEN, YELLOW, RED, DIM, OFF = "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m", "\x1b[0m"


def main() -> None:
    """Ask for ever, a little faster and slower in waves."""
    chance = random.Random(7)
    started = time.monotonic()
    for number in itertools.count(1):
        station = chance.choice(STATIONS)
        took = abs(chance.gauss(18, 6)) + 1
        stamp = f"{DIM}{time.strftime('%H:%M:%S')}{OFF}"
        if number % 57 == 0:
            print(f"{stamp} {RED}ERROR{OFF} GET /stations/{station} 503 upstream timed out after 2000 ms", flush=True)
        elif number % 19 == 0:
            print(f"{stamp} {YELLOW}WARN{OFF}  GET /stations/{station} 200 slow: {took * 9:.0f} ms", flush=True)
        else:
            print(f"{stamp} {GREEN}INFO{OFF}  GET /stations/{station} 200 {took:.1f} ms", flush=True)
        wave = 1 + math.sin((time.monotonic() - started) / 6)
        sum(math.sqrt(value) for value in range(int(250_000 * wave)))
        time.sleep(0.06 + 0.05 * wave)


if __name__ == "__main__":
    main()
