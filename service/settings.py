"""Settings: one struct, read from a YAML file and from the environment, the environment winning."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
import platformdirs
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from guardrails import DISTRIBUTION

PREFIX = "GUARDRAILS_"
MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder where workers share their counters; `prometheus_client` reads it on import."""


class SettingsError(Exception):
    """A setting that cannot be used: names the setting and what is wrong with it, never its value."""


class LogFormat(str, Enum):
    JSON = "json"
    CONSOLE = "console"


def _described(text: str, **limits: Any) -> msgspec.Meta:
    return msgspec.Meta(description=text, **limits)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the service runs. Every field is an environment variable `GUARDRAILS_<NAME>` too."""

    policies: Annotated[str, _described("Folder or file of policies.")] = "policies"
    host: Annotated[str, _described("Address to bind. Other than loopback needs `keys_file`.")] = "127.0.0.1"
    port: Annotated[int, _described("Port to bind.", ge=0, le=65535)] = 8080
    keys_file: Annotated[
        str | None,
        _described("YAML file of API keys: a list of `tenant` and `sha256`. See `guardrails key`."),
    ] = None
    judges_file: Annotated[
        str | None,
        _described("YAML file of the models that rules of type `judge` ask. See docs/content.md."),
    ] = None
    secret: Annotated[
        str | None,
        _described(
            "Secret behind placeholders, hashes and fingerprints, at least 32 bytes. Without it a random one "
            "is made at every start, and placeholders change with it."
        ),
    ] = None
    secret_file: Annotated[str | None, _described("File that holds the secret instead.")] = None
    max_body_bytes: Annotated[int, _described("Largest request body, in bytes.", ge=1024)] = 16_000_000
    deadline_seconds: Annotated[
        float,
        _described("Time to judge one exchange, waiting included. Keep it below the gateway's.", gt=0, le=60),
    ] = 2.5
    workers: Annotated[
        int,
        _described(
            "Worker processes; 0 means one per core. Each has its own limits and memory of messages.",
            ge=0,
            le=256,
        ),
    ] = 1
    threads: Annotated[int, _described("Detection threads; 0 means one per core.", ge=0, le=256)] = 0
    max_in_flight: Annotated[int, _described("Exchanges judged or waiting; beyond it 503.", ge=1)] = 64
    max_in_flight_per_tenant: Annotated[int, _described("The same for one tenant; beyond it 429.", ge=1)] = 48
    reload_seconds: Annotated[
        float, _described("How often the policies are looked at for changes; 0 means only on SIGHUP.", ge=0)
    ] = 2.0
    shutdown_seconds: Annotated[int, _described("Time for requests in flight at shutdown.", ge=0)] = 15
    cache: Annotated[
        str,
        _described(
            "Folder for compiled pattern databases; `auto`: the user's cache folder, `none`: compiled at "
            "every start."
        ),
    ] = "auto"
    memory_bytes: Annotated[
        int,
        _described(
            "Memory for what is known of messages seen before (spans, no texts), in bytes; 0 turns it off.",
            ge=0,
        ),
    ] = 64_000_000
    shared_memory: Annotated[
        str | None,
        _described(
            "Valkey or Redis that workers and replicas share that memory through, as `redis://HOST:PORT/0`. "
            "Needs a secret. While it is away, judging goes on without it."
        ),
    ] = None
    vault: Annotated[
        str,
        _described(
            "Where values are kept, encrypted, for responses in calls of their own: a file (SQLite), or "
            "`redis://HOST:PORT/0` (Valkey, Redis) for replicas. Needs a secret. `auto`: a file in the "
            "user's state folder, where there is a secret; `none`: nowhere."
        ),
    ] = "auto"
    vault_seconds: Annotated[int, _described("How long they are kept since they were last sent.", ge=1)] = (
        86_400
    )
    ext_proc: Annotated[
        str | None,
        _described(
            "Address at which `guardrails serve` is Envoy's external processor too, over gRPC, as "
            "`127.0.0.1:8181`. Other than loopback needs `keys_file`."
        ),
    ] = None
    upstream: Annotated[
        str | None, _described("Address of the gateway or provider behind `guardrails proxy`.")
    ] = None
    upstream_seconds: Annotated[
        float,
        _described("How long it may be silent, within an answer too, before the proxy gives up.", gt=0),
    ] = 600.0
    log_format: Annotated[LogFormat, _described("`json` or `console`.")] = LogFormat.JSON


def load(environment: Mapping[str, str], file: Path | None = None, **overrides: object) -> Settings:
    """Settings from `file`, then the environment, then `overrides` that are not None.

    Raises `SettingsError` for an unknown name or a value of the wrong kind.
    """
    values: dict[str, object] = dict(_from_file(file)) if file else {}
    names = {PREFIX + name.upper(): name for name in Settings.__struct_fields__}
    for variable, text in environment.items():
        if variable in names:
            values[names[variable]] = text
        elif variable.startswith(PREFIX):
            raise SettingsError(f"unknown setting `{variable}`; `guardrails settings` lists them all")
    values.update({name: value for name, value in overrides.items() if value is not None})
    checked: dict[str, object] = {}
    hints = get_type_hints(Settings, include_extras=True)
    for name, value in values.items():
        if name not in hints:
            raise SettingsError(f"unknown setting `{name}`; `guardrails settings` lists them all")
        try:
            checked[name] = msgspec.convert(value, hints[name], strict=False)
        except msgspec.ValidationError as error:
            # The value itself may be a secret; msgspec's message names only types and limits.
            raise SettingsError(f"setting `{name}`: {str(error)[:1].lower()}{str(error)[1:]}") from None
    return Settings(**checked)  # type: ignore[arg-type]


def cache_of(settings: Settings) -> Path | None:
    """The folder for compiled pattern databases, None for none."""
    if settings.cache == "auto":
        return platformdirs.user_cache_path(DISTRIBUTION)
    return Path(settings.cache) if settings.cache not in {"", "none"} else None


def secret_of(settings: Settings) -> bytes | None:
    """The secret, None when none is set. Raises `SettingsError`."""
    if settings.secret and settings.secret_file:
        raise SettingsError("set `secret` or `secret_file`, not both")
    if settings.secret_file:
        try:
            return Path(settings.secret_file).read_bytes().strip()
        except OSError as error:
            raise SettingsError(f"`secret_file` cannot be read: {error.strerror}") from None
    return settings.secret.encode() if settings.secret else None


def table() -> str:
    """The settings as a Markdown table, for the README."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        meta = next(one for one in hints[field.name].__metadata__ if isinstance(one, msgspec.Meta))
        default = field.default.value if isinstance(field.default, Enum) else field.default
        shown = "" if default is None else f"`{default}`"
        rows.append(f"| `{PREFIX}{field.name.upper()}` | {shown} | {meta.description} |")
    return "\n".join(rows) + "\n"


def _from_file(file: Path) -> dict[str, object]:
    data = _yaml(file, str(file))
    if not isinstance(data, dict):
        raise SettingsError(f"{file} must be a mapping of settings")
    return {str(name): value for name, value in data.items()}


def records_of(file: Path, setting: str, members: str) -> list[object]:
    """What a YAML file lists, which `setting` names; `members` says what its records are to have.

    Raises `SettingsError` when it cannot be read, or holds no list.
    """
    data = _yaml(file, f"`{setting}`")
    if not isinstance(data, list) or not data:
        raise SettingsError(f"`{setting}` must be a list of records with {members}")
    return data


def _yaml(file: Path, called: str) -> object:
    try:
        return YAML(typ="safe", pure=True).load(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{called} cannot be read: {error.strerror}") from None
    except (YAMLError, UnicodeDecodeError):
        raise SettingsError(f"{called} is not YAML") from None


def ext_proc_address(settings: Settings) -> tuple[str, int] | None:
    """Host and port of the external processor, None for none. Raises `SettingsError`."""
    if settings.ext_proc is None:
        return None
    host, _, port = settings.ext_proc.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise SettingsError("`ext_proc` must be an address as `127.0.0.1:8181`")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether a bind address can only be reached from this machine."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def from_process(file: Path | None = None, **overrides: object) -> Settings:
    """`load` with this process's environment."""
    return load(os.environ, file, **overrides)
