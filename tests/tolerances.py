"""Every tolerance of the tests, each with the worst error observed; the bound is at most 4 times that."""

ROTATION_FLOAT64 = 4e-14
ROTATION_FLOAT32 = 4e-5
ANATOMY_ROUND_TRIP_RAD = 2.8e-15
"""Anatomical angles to axis-angle and back: worst 7.2e-16 over 500 float64 poses within the limits."""
