from . import markup

__all__ = ["markup"]
