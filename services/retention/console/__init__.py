"""
The console: where designated members see every record with its reason, and confirm or restore (A.4, A.10).

Server-rendered, complete without JavaScript. Every act is an event with its actor; the page waits up to two seconds to
show what came of it. It shows why before it asks what.

Policy: A.4, A.10.
"""

from services.retention.console.pages import console_router

__all__ = ["console_router"]
