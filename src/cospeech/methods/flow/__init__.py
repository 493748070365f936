"""Motion in continuous latents of body parts, sampled by a rectified flow on the clock of an activity envelope.

Shared by all methods that generate bodies: a method says what it has decided (words of parts, given latents), the flow
samples the rest. Latents, words and flow are decisions of ours; docs/experiments.md has what they measured.
"""
