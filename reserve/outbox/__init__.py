"""The event log, and the relay that carries events to their handlers."""
