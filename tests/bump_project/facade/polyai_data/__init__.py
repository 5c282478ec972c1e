"""A facade that is small enough to type-check often."""
