"""Battery backup units that behave, age and fail like real ones, on real sockets and lines."""
