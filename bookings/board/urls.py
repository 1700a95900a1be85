from django.urls import path

from bookings.board import views

urlpatterns = [
    path("", views.choose, name="boards"),
    path("<str:venue_id>/", views.page, name="board"),
    path("<str:venue_id>/board", views.part, name="board_part"),
    path("<str:venue_id>/slots/<str:slot_id>", views.slot, name="board_slot"),
    path("<str:venue_id>/slots/<str:slot_id>/walk-in", views.walk_in, name="board_walk_in"),
    path("<str:venue_id>/bookings/<str:booking_id>/<str:verb>", views.act, name="board_act"),
]
