"""Record and watermark that say a video was generated; it knows nothing of how."""
