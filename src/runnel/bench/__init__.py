"""Speed and memory, measured beside peers and beside measured bounds."""
