"""The loop, optimizers and schedules."""
