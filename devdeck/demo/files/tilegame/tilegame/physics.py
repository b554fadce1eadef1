"""How boxes move."""

GRAVITY = 9.81
BOUNCE = 0.6


def fall(height: float, seconds: float) -> float:
    """Height after falling freely for some seconds; never below the floor."""
    return max(0.0, height - GRAVITY * seconds**2 / 2)


def bounce(speed: float) -> float:
    """Speed upwards after hitting the floor."""
    return speed * BOUNCE
