"""booth, Redis Sentinel and drover through the same cuts."""

import figures  # noqa: F401  (it makes the lab of the integration tests importable)
