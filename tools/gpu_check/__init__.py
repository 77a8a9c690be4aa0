"""What to run on a machine with a GPU: tests, errors observed, speed, sanitizers, in one unattended command."""
