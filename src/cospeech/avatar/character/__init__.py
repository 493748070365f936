"""The user's own character: its rig and face, our animation added to its file, and pictures of it."""
