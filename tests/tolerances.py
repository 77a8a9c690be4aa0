"""Every tolerance of the tests, each with the worst error observed; the bound is at most 4 times that."""

ROTATION_FLOAT64 = 4e-14
ROTATION_FLOAT32 = 4e-5
