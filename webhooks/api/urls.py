from django.urls import path

from webhooks.api.rest import events, webhooks

_webhooks = "organizations/<str:organization>/webhooks"
_webhook = f"{_webhooks}/<str:webhook>"
_delivery = f"{_webhook}/deliveries/<str:webhook_delivery>"

urlpatterns = [
    path("events", events.EventsView.as_view()),
    path(_webhooks, webhooks.WebhooksView.as_view()),
    path(_webhook, webhooks.WebhookView.as_view(), name="webhook"),
    path(f"{_webhook}/rotate-secret", webhooks.RotateSecretView.as_view()),
    path(f"{_webhook}/test", webhooks.SendTestView.as_view()),
    path(f"{_webhook}/deliveries", webhooks.DeliveriesView.as_view()),
    path(_delivery, webhooks.DeliveryView.as_view(), name="webhook-delivery"),
    path(f"{_delivery}/redeliver", webhooks.RedeliverView.as_view()),
]
