"""The demo of `make dev`: two organizations with five venues, and who can log in to them."""

from reserve.demo.greeting import banner
from reserve.demo.load import load_demo, needs_demo

__all__ = ["banner", "load_demo", "needs_demo"]
