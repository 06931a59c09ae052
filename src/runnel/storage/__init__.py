"""Model and training state in files: checkpoints, manifests, run directories."""
