from tests.devdeck.jobs.harness import jobs

__all__ = ["jobs"]
