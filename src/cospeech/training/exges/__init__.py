"""Training what the ExGes method is made of."""
