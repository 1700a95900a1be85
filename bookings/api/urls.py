from django.urls import path

from bookings.api.rest import bookings, moves, schedule, slots

urlpatterns = [
    path("venues/<str:venue>", schedule.VenueView.as_view(), name="venue"),
    path("venues/<str:venue>/resources", schedule.ResourcesView.as_view()),
    path(
        "venues/<str:venue>/resources/<str:resource>",
        schedule.ResourceView.as_view(),
        name="resource",
    ),
    path("venues/<str:venue>/opening-hours", schedule.OpeningHoursView.as_view()),
    path("venues/<str:venue>/special-hours", schedule.SpecialHoursView.as_view()),
    path(
        "venues/<str:venue>/special-hours/<str:special_hours>",
        schedule.OneSpecialHoursView.as_view(),
        name="special-hours",
    ),
    path("venues/<str:venue>/conflicts", schedule.ConflictsView.as_view()),
    path("venues/<str:venue>/closures", schedule.ClosuresView.as_view()),
    path(
        "venues/<str:venue>/closures/<str:closure>", schedule.ClosureView.as_view(), name="closure"
    ),
    path("venues/<str:venue>/slots", slots.SlotsView.as_view()),
    path("venues/<str:venue>/slots/<str:slot>", slots.SlotView.as_view(), name="slot"),
    path("venues/<str:venue>/calendar", slots.CalendarView.as_view()),
    path("venues/<str:venue>/bookings", bookings.VenueBookingsView.as_view()),
    path("slots/next", slots.NextSlotsView.as_view()),
    path("holds", bookings.HoldsView.as_view()),
    path("bookings", bookings.BookingsView.as_view()),
    path("bookings/<str:booking>", bookings.BookingView.as_view(), name="booking"),
    path("bookings/<str:booking>/reschedule", bookings.RescheduleView.as_view()),
    path("bookings/<str:booking>/confirm", moves.ConfirmView.as_view()),
    path("bookings/<str:booking>/cancel", moves.CancelView.as_view()),
    path("bookings/<str:booking>/approve", moves.ApproveView.as_view()),
    path("bookings/<str:booking>/decline", moves.DeclineView.as_view()),
    path("bookings/<str:booking>/check-in", moves.CheckInView.as_view()),
    path("bookings/<str:booking>/undo-check-in", moves.UndoCheckInView.as_view()),
    path("bookings/<str:booking>/no-show", moves.NoShowView.as_view()),
    path("bookings/<str:booking>/complete", moves.CompleteView.as_view()),
]
