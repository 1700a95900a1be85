from django.urls import path

from notifications.api import rest

urlpatterns = [
    path("devices", rest.DevicesView.as_view()),
    path("devices/<str:device>", rest.DeviceView.as_view(), name="device"),
    path("notification-preferences", rest.NotificationPreferencesView.as_view()),
]
