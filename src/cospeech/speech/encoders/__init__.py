"""Pretrained networks of others that hear speech and read words: richer features, for those who want them.

Optional. What generates with the shipped model never comes here. ``settings``, ``frames`` and ``inputs``
are NumPy alone; ``speech``, ``words`` and ``hub`` need torch and transformers (extra [train]) and are
imported when an encoder is opened.
"""
