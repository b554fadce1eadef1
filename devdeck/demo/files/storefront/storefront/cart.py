"""What a customer is about to buy."""

from dataclasses import dataclass, field

from storefront.pricing import discounted


@dataclass
class Cart:
    """Lines of (article, unit price in cents, count)."""

    lines: list[tuple[str, int, int]] = field(default_factory=list)
    discount: int = 0

    def add(self, article: str, cents: int, count: int = 1) -> None:
        """Add an article; a count below one is an error."""
        if count < 1:
            raise ValueError(f"can't add {count} of {article}")
        self.lines.append((article, cents, count))

    def total(self) -> int:
        """The sum in cents, less the discount."""
        return discounted(sum(cents * count for _, cents, count in self.lines), self.discount)
