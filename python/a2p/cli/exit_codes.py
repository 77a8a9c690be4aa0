"""What the command line's exit codes mean."""

EXIT_OK = 0
EXIT_SOME_FAILED = 1
EXIT_USAGE = 2
