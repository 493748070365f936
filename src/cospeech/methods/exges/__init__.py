"""ExGes: retrieval from a library of real gestures, and diffusion under precise control."""
