"""How fast, how much. Each prints the machine, the command and its numbers; they compare as ratios within one run."""
