"""Training of the networks. What is trained is defined beside the code that runs it."""
