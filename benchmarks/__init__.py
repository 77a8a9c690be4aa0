"""What a2p's operations cost, on cases that the tests check too."""
