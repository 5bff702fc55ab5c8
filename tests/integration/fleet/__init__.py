"""drover itself in the lab: keys, files, members, agents and guards in their namespaces."""

from .fleet import Fleet, Timing  # noqa: F401
from .again import TooSlow, once_more  # noqa: F401
