"""Training and export of the networks that refine and compare pictures; needs torch, generating does not import it."""
