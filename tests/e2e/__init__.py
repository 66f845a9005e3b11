"""Does the system do what the policy says? Real processes, both ways to run, and nothing of ours imported."""
