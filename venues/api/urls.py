from django.urls import path

from venues.api import rest

urlpatterns = [
    path("venues", rest.VenuesView.as_view()),
    path("venues/<str:venue>", rest.VenueView.as_view()),
]
