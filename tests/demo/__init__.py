"""The whole system against a simulated Facebook page, told as it happens."""
