from celery import shared_task

from accounts.services.logins import forget_old_logins as forget


@shared_task
def forget_old_logins() -> int:
    return forget()
