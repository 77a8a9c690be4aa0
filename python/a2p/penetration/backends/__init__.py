"""One module a backend; `reference` is what correct means."""
