"""Readers of transcripts, a file for each family of formats, and what they share: pieces of speech with times."""
