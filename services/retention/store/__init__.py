"""
Retention's queries, by what they are for.

* `facts`: what came, kept as it came
* `standing`: what stands for a comment, decided in one transaction with its record and the wish to hide
* `acts`: the visibility rows that the hide worker drives
* `people`: a person's act, carried out
* `work`: what the workers look for
* `letters`: dead letters
"""
