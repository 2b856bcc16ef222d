"""The Litestar service: hook endpoints, one file per gateway dialect, settings, auth, reload, telemetry."""
