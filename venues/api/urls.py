from django.urls import path

from venues.api.rest import venues

# The rest of a venue's addresses can move slots, and are with those of bookings.
urlpatterns = [
    path("venues", venues.VenuesView.as_view()),
]
