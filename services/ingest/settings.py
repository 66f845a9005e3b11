"""Ingest's settings. Platform credentials are in `shared/settings.py`, since retention needs them too."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class IngestSettings(ServiceSettings):
    """Bounds of the webhook path, and the pace of learning posts."""

    model_config = SettingsConfigDict(env_prefix="INGEST_")

    max_deliveries: int = Field(default=64, ge=1, le=4096, description="deliveries in memory at once; more get 503")
    max_pending_bytes: int = Field(
        default=64 * 1024 * 1024, ge=8 * 1024 * 1024, description="body bytes in memory at once; more get 503"
    )
    body_seconds: float = Field(default=15.0, gt=0, le=120, description="how long a body may take to arrive")
    learn_posts: bool = Field(default=True, description="fetch the text of posts that comments answer")
    posts_per_step: int = Field(default=10, ge=1, le=100, description="posts fetched before looking for work again")
