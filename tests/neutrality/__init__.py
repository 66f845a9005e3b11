"""Is the model even-handed? Suites of original comments that differ in stance, criticise, or name a protected group."""
