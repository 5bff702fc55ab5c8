"""What ./quickstart drives: the lab with drover in it, kept up between calls, and the story it shows."""
