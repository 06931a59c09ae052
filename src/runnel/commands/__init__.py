"""The verbs of the command line, one file each: its flags, declared without torch, and its work."""
