"""Every setting of the server, in one typed object that is read once.

Sources, the strongest first: what a command passes, environment variables `ENTREPOT_…`, a TOML file
(`ENTREPOT_CONFIG`, else `entrepot.toml` in the data folder if it exists), the defaults here. Sizes
are bytes, times are seconds. `docs/reference/settings.md` lists them for operators.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from entrepot.errors import StartRefused
from entrepot.settings.addresses import parse_networks, parse_public_url, parse_store_address
from entrepot.settings.folders import default_folder
from entrepot.settings.take_over import MAX_LEASE, MAX_QUEUE_POLL
from entrepot.settings.unknown import refuse_unknown_variables, unknown_setting

Role = Literal["all", "api", "worker"]

POSTGRESQL_SCHEMES = ("postgresql://", "postgresql+psycopg://", "postgres://")


class Settings(BaseSettings):
    """The server's settings; immutable once read."""

    model_config = SettingsConfigDict(env_prefix="ENTREPOT_", frozen=True, extra="forbid")

    data: Path = Field(
        default_factory=default_folder,
        description="The data folder: database, bytes, secret, sockets. Mode 0700.",
    )
    database: SecretStr | None = Field(
        default=None, description="postgresql://… ; unset: SQLite in the data folder."
    )
    store: str | None = Field(
        default=None, description="Where bytes are: a folder, or s3://BUCKET/PREFIX; else `data`."
    )
    store_cache: int = Field(
        default=21_474_836_480, ge=0, description="Bytes of a host's copies of blobs in S3."
    )
    presigned_seconds: int = Field(
        default=0,
        ge=0,
        le=3600,
        description="Seconds that an address in S3 is valid to which whole downloads of at least "
        "1 MiB are redirected; 0: the server sends all bytes. Read `use-object-storage` first.",
    )
    presigned_endpoint: str | None = Field(
        default=None,
        description="The address of S3 that clients reach, if the server uses another one.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on.")
    role: Role = Field(default="all", description="What this process group does.")
    workers: int = Field(default=1, ge=1, le=64, description="Worker processes.")
    public_url: str | None = Field(
        default=None, description="The address that people and scripts see, behind a proxy."
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        description="Addresses or networks, separated by commas, whose X-Forwarded-For and "
        "X-Forwarded-Proto headers are trusted.",
    )
    secret: SecretStr | None = Field(
        default=None,
        description="The key of all hashes, the same on all hosts; unset: `secret` in `data`.",
    )
    max_file_size: int = Field(default=1_000_000_000_000, gt=0, description="Bytes, any one file.")
    default_quota: int = Field(default=10_000_000_000, gt=0, description="Bytes, a new account.")
    disk_reserve: int = Field(
        default=268_435_456,
        ge=0,
        description="Bytes kept free on the store's disk; uploads get 507 before they are touched.",
    )
    database_reserve: int = Field(
        default=67_108_864,
        ge=0,
        description="Bytes kept free on the disk of the embedded database; whatever adds data gets "
        "507 before they are touched, while reads and deletions still work.",
    )
    requests_per_minute: int = Field(
        default=6000,
        ge=0,
        le=10**9,
        description="Requests a minute that one key or session may make over time; 0: no limit.",
    )
    request_burst: int = Field(
        default=1000,
        ge=1,
        le=10**9,
        description="Requests that one key or session may make at once.",
    )
    stranger_requests_per_minute: int = Field(
        default=300,
        ge=0,
        le=10**9,
        description="Requests per minute from one address without a valid key; 0: no limit.",
    )
    sign_in_attempts_per_address: int = Field(
        default=100,
        ge=0,
        le=10**9,
        description="Sign-ins tried from one address, in 5 minutes, an API process; 0: no limit.",
    )
    uploads_per_account: int = Field(default=100, ge=1, description="Uploads at once, an account.")
    downloads_per_account: int = Field(
        default=100,
        ge=1,
        description="Answers of more than 64 KiB to an account at the same time: ranges, previews,"
        " lists, whole files of more than 16 MiB.",
    )
    answer_memory: int = Field(
        default=536_870_912,
        ge=16_777_216,
        description="Bytes for large answers that clients have not read yet, for each API process.",
    )
    streams_per_account: int = Field(
        default=100, ge=1, description="Event streams open at once, an account."
    )
    form_waits_per_account: int = Field(
        default=100,
        ge=1,
        description="Requests of an account that wait for a form (Parquet, CSV, …) to be made; "
        "more get 429.",
    )
    unfinished_uploads: int = Field(
        default=1000, ge=1, description="Resumable uploads that an account may leave unfinished."
    )
    upload_lifetime: float = Field(
        default=86_400,
        gt=0,
        description="Seconds after its last byte that a resumable upload is kept.",
    )
    quota_wait: float = Field(
        default=30,
        ge=0,
        description="Seconds that an upload waits for bytes of the quota that other running "
        "uploads have reserved.",
    )
    body_timeout: float = Field(
        default=60,
        gt=0,
        description="Seconds after which a client that sends nothing is disconnected; also for a "
        "whole body without a file.",
    )
    body_rate: int = Field(
        default=1024,
        ge=1,
        description="Bytes a second that an upload must have on average, after `body_timeout`.",
    )
    anonymous_bodies_per_address: int = Field(
        default=64,
        ge=1,
        description="Requests with an unfinished body and without a valid key, one address.",
    )
    connections: int = Field(
        default=8192,
        ge=64,
        description="Connections that the server has open at once; at most half of the open files "
        "that the system allows (`ulimit -Hn`).",
    )
    send_timeout: float = Field(
        default=60, gt=0, description="Seconds a client may take nothing of an answer."
    )
    header_timeout: float = Field(default=10, gt=0, description="Seconds for a request's head.")
    event_heartbeat: float = Field(
        default=15,
        gt=0,
        description="Seconds after which an event stream without events sends a comment; a revoked"
        " key ends the stream within this time. Must be less than the idle timeout of a proxy.",
    )
    drain_timeout: float = Field(
        default=30, ge=0, description="Seconds that running uploads get after SIGTERM."
    )
    sandbox: Literal["require", "best-effort"] = Field(
        default="best-effort",
        description="`require`: refuse to inspect if the kernel lacks a layer of the sandbox. "
        "`best-effort`: use the layers that it has.",
    )
    inspection_memory: int = Field(
        default=1_610_612_736, ge=268_435_456, description="Bytes one inspection may take."
    )
    inspection_scratch: int = Field(
        default=21_474_836_480, gt=0, description="Bytes of scratch space one inspection may take."
    )
    inspection_seconds: float = Field(
        default=3600,
        gt=0,
        description="The most seconds of one inspection. It gets 60, and 1 more for each 2 MB of "
        "content.",
    )
    inspection_unpacked: int = Field(
        default=8_589_934_592, gt=0, description="Bytes a compressed file may unpack to."
    )
    inspection_expansion: int = Field(
        default=200,
        ge=1,
        description="How many times larger than a compressed file its content may be, above 1 GiB.",
    )
    inspection_line: int = Field(
        default=16_777_216,
        ge=65_536,
        le=268_435_456,
        description="Bytes of one record: a line, a JSON object, a cell of a workbook.",
    )
    inspection_columns: int = Field(
        default=10_000, ge=1, le=100_000, description="Columns of a table."
    )
    inspection_cells: int = Field(
        default=100_000_000, ge=1, description="Cells of a workbook's sheet."
    )
    inspection_errors: int = Field(
        default=1_000, ge=1, le=100_000, description="Errors listed in a report; all are counted."
    )
    inspections_at_once: int = Field(
        default=2,
        ge=1,
        description="Sandbox processes at once, a worker; one more for files of at most 1 MiB.",
    )
    previews_at_once: int = Field(
        default=4, ge=1, le=64, description="Previews made at once; an account gets half of them."
    )
    previews_per_account: int = Field(
        default=16, ge=1, description="Previews of an account that run or wait; more get 429."
    )
    preview_seconds: float = Field(
        default=10, gt=0, description="Seconds one preview may take, and may wait for its turn."
    )
    schema_seconds: float = Field(
        default=20,
        gt=0,
        description="Seconds to parse or compare one contract; longer is 422.",
    )
    preview_memory: int = Field(
        default=536_870_912, ge=268_435_456, description="Bytes one preview may take."
    )
    publish_with_parquet: int = Field(
        default=268_435_456,
        ge=0,
        description="Bytes of a delivery, as received, up to which its version becomes visible "
        "together with its Parquet and profile; those of a larger one follow.",
    )
    derivative_space: int = Field(
        default=100_000_000_000,
        ge=0,
        description="Bytes for all other formats of versions (Parquet, CSV, …); they do not count "
        "for quotas.",
    )
    queue_poll: float = Field(
        default=2.0,
        gt=0,
        le=MAX_QUEUE_POLL,
        description="Seconds between two looks at an idle queue (wake-ups aside).",
    )
    lease: float = Field(
        default=15,
        ge=2,
        le=MAX_LEASE,
        description="Seconds without a heartbeat before a worker counts as dead.",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port on which a separate process answers `/metrics` for Prometheus; unset: "
        "none. Everybody who can reach the port can read the metrics.",
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Address on which `/metrics` is answered."
    )
    metrics_by_account: bool = Field(
        default=False,
        description="Whether `/metrics` has the quota and the use of each account, by its name.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least weight of what is logged."
    )
    log_format: Literal["human", "json"] | None = Field(
        default=None, description="Unset: human on a terminal, else JSON."
    )

    @field_validator("public_url", "presigned_endpoint")
    @classmethod
    def _of_a_host(cls, value: str | None) -> str | None:
        return None if value is None else parse_public_url(value)

    @field_validator("store")
    @classmethod
    def _store_address(cls, value: str | None) -> str | None:
        return None if value is None else parse_store_address(value)

    @field_validator("presigned_seconds", "presigned_endpoint")
    @classmethod
    def _of_a_store_in_s3(cls, value: int | str | None, info: ValidationInfo) -> int | str | None:
        if value and not str(info.data.get("store")).startswith("s3://"):
            raise ValueError("needs a store in S3, such as ENTREPOT_STORE=s3://BUCKET/PREFIX")
        return value

    @field_validator("database")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(POSTGRESQL_SCHEMES):
            raise ValueError("must start with postgresql://, or be unset for SQLite")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return parse_networks(value)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before the TOML file."""
        toml = TomlConfigSettingsSource(settings_cls, toml_file=_config_file(init_settings))
        return init_settings, env_settings, toml

    @property
    def blobs(self) -> Path:
        """The folder of a store on a disk."""
        return Path(self.store) if self.store is not None else self.data / "store"

    @property
    def sqlite_file(self) -> Path:
        """The embedded database's file."""
        return self.data / "entrepot.db"

    @property
    def embedded(self) -> bool:
        """Whether the database is the embedded SQLite, so that this host is the only one."""
        return self.database is None

    @property
    def metrics_folder(self) -> Path:
        """Where the processes of this server count what they do."""
        return self.data / "run" / "metrics"

    @property
    def listen_url(self) -> str:
        """The address that the server listens on, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def metrics_url(self) -> str:
        """Where Prometheus reads this server's metrics."""
        host = f"[{self.metrics_host}]" if ":" in self.metrics_host else self.metrics_host
        return f"http://{host}:{self.metrics_port}/metrics"

    @property
    def endpoint(self) -> str:
        """The address for people and scripts, without a trailing slash."""
        return self.public_url or self.listen_url


def _config_file(init_settings: PydanticBaseSettingsSource) -> Path:
    path = os.environ.get("ENTREPOT_CONFIG")
    if path:
        return Path(path)
    data = init_settings().get("data") or os.environ.get("ENTREPOT_DATA")
    return Path(data or default_folder()) / "entrepot.toml"


def read_settings(**overrides: Any) -> Settings:
    """Read the settings. `overrides` (flags) take precedence; None means not given.

    Raises StartRefused with the name of an invalid or an unknown setting.
    """
    refuse_unknown_variables(str(Settings.model_config["env_prefix"]), Settings.model_fields)
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise StartRefused(
                reason=unknown_setting(name, name, tuple(Settings.model_fields))
            ) from None
        raise StartRefused(
            reason=f"The setting {name} is wrong: {first['msg'].removeprefix('Value error, ')}."
        ) from None
