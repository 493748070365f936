"""Training of the network that hears phones; ``speech.phones`` runs it."""
