"""What is scarce: slots and the bookings that take their seats."""
