"""Every tolerance of the tests, each with the worst error observed; the bound is at most 4 times that."""
