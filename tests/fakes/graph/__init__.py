"""
A simulated Facebook: it holds posts and comments, pushes signed webhooks, answers Graph calls, and shows a page.

Parts that know no platform, for every further one beside this package:

* `store`: what is on the platform, in a SQLite file that survives a restart
* `delivery`: signed deliveries with retries; batches, repeats, reorders and late ones from a seed
* `page`: what a resident sees

Parts that speak Facebook:

* `platform`: what can happen, whoever does it
* `webhook`: Meta's objects, bytes, signature and handshake
* `api`, `objects`, `failures`: the Graph API, its objects and its errors
* `control`: what tests and the demo call
* `app`: all of it put together, for a port or inside a test

It is written from the platform's documentation and imports nothing of the product.
"""
