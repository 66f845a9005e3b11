"""Settings of retention. Credentials of the platforms are in `shared/settings.py`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class RetentionSettings(ServiceSettings):
    """Environment variables that begin with ``RETENTION_``."""

    model_config = SettingsConfigDict(env_prefix="RETENTION_")

    lease_seconds: float = Field(
        default=60.0, gt=0, le=600, description="longer than three calls of a platform may take"
    )
    acts_at_once: int = Field(default=8, ge=1, le=64, description="comments driven at the same time, one an account")
    console: bool = Field(default=True, description="serve the console")
