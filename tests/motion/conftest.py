from tests.motion.desk import desk

__all__ = ["desk"]
