"""Market data: curves and home-price histories."""
