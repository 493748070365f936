"""Which phones are spoken when: the inventory, and recognisers that hear them in the sound."""
