"""Pictures and files of posed hands."""
