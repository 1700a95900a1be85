from django.urls import path

from accounts.api import rest

urlpatterns = [
    path("auth/login", rest.LoginView.as_view()),
    path("me", rest.MeView.as_view()),
]
