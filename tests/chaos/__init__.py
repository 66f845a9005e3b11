"""What survives `kill -9`, a lost broker and a lost database: everything that was acknowledged."""
