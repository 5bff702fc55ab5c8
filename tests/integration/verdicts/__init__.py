"""The verdict on each region, on a real fleet."""
