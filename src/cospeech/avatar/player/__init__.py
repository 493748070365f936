"""What the HTML page is made of: its scripts, shaders, style, and the numbers it plays."""
