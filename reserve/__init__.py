"""ReserveAPI: the project package."""

from reserve.celery import app as celery_app

__all__ = ["celery_app"]
