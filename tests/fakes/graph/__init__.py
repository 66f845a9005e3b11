"""
A simulated Facebook: it holds posts and comments, pushes signed webhooks, answers Graph calls, and shows a page.

* `store`: what is on the platform, in a SQLite file that survives a restart
* `delivery`: Meta's bytes, signature and retries; repeats, reorders and late ones from a seed
* `api`: the Graph API and its errors
* `control`: what tests and the demo call to write comments and to script failures
* `page`: what a resident sees

Other platforms are further packages beside this one.
"""
