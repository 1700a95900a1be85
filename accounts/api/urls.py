from django.urls import path

from accounts.api import rest

urlpatterns = [
    path("auth/login", rest.LoginView.as_view()),
    path("auth/refresh", rest.RefreshView.as_view()),
    path("auth/logout", rest.LogoutView.as_view()),
    path("me", rest.MeView.as_view()),
]
