# Build: everything locked by version and hash, into one virtual environment.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/venv
COPY requirements/runtime.txt requirements/runtime.in requirements/
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md ./
COPY guardrails guardrails
COPY service service
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .
# The policies prove themselves, and their compiled patterns come along: the service starts at once.
COPY policies policies
RUN XDG_CACHE_HOME=/opt/cache /opt/venv/bin/guardrails check policies

# Run: as nobody in particular, on a read-only file system if asked (`docker run --read-only`).
FROM python:3.11-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    XDG_CACHE_HOME=/opt/cache \
    TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS=""
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/cache /opt/cache
WORKDIR /app
COPY policies policies
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/live', timeout=2)"]
ENTRYPOINT ["guardrails"]
# The service refuses to bind beyond loopback without GUARDRAILS_KEYS_FILE.
CMD ["serve", "--policies", "policies", "--host", "0.0.0.0", "--port", "8080"]
