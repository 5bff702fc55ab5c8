"""Two regions and a monitoring region on one machine; see README.md. `from lab import Lab`."""

__all__ = ["Lab", "LabError", "RedisError"]


def __getattr__(name):
    # Loaded when asked for, so that the small programs of this package (app, writer, prober) start
    # fast.
    if name == "Lab":
        from .lab import Lab

        return Lab
    if name == "LabError":
        from .base import LabError

        return LabError
    if name == "RedisError":
        from .redis import RedisError

        return RedisError
    raise AttributeError(name)
