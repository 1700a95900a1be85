from django.urls import path

from bookings.api import rest

urlpatterns = [
    path("venues/<str:venue>/slots", rest.SlotsView.as_view()),
    path("holds", rest.HoldsView.as_view()),
    path("bookings", rest.BookingsView.as_view()),
    path("bookings/<str:booking>", rest.BookingView.as_view(), name="booking"),
    path("bookings/<str:booking>/reschedule", rest.RescheduleView.as_view()),
    path("bookings/<str:booking>/confirm", rest.ConfirmView.as_view()),
    path("bookings/<str:booking>/cancel", rest.CancelView.as_view()),
    path("bookings/<str:booking>/approve", rest.ApproveView.as_view()),
    path("bookings/<str:booking>/decline", rest.DeclineView.as_view()),
    path("bookings/<str:booking>/check-in", rest.CheckInView.as_view()),
    path("bookings/<str:booking>/no-show", rest.NoShowView.as_view()),
    path("bookings/<str:booking>/complete", rest.CompleteView.as_view()),
]
