"""
Facebook Pages: webhooks of the ``feed`` field in, the Graph API out.

`inbound.py` answers the handshake, checks signatures and walks a delivery; `changes.py` reads one change; `graph.py`
calls the Graph API; `failures.py` says what an error of it means. Facts and their sources: `docs/platforms.md`.
"""
