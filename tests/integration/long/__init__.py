"""Long runs on real servers: many planned switchovers, and whole returns with unscaled timers."""
