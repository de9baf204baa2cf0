# Waggle in a small image, for a real Slack and GitHub:
#   docker build -t waggle .
#   docker run --init --env-file .env -v waggle-home:/home/waggle/.waggle -v "$PWD/waggle.toml:/home/waggle/waggle.toml:ro" waggle
# To look at the playground's page, which listens on loopback only, add --network host.
FROM python:3.11-slim AS build
WORKDIR /opt/waggle
COPY requirements.lock pyproject.toml README.md LICENSE manifest.yml ./
COPY bot bot
COPY scheduler scheduler
COPY integrations integrations
RUN python -m venv .venv \
 && .venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock \
 && .venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation -e . \
 && .venv/bin/pip uninstall --yes --quiet pytest pytest-asyncio pytest-xdist pytest-timeout hypothesis playwright \
      ruff mypy import-linter deptry

FROM python:3.11-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 waggle
COPY --from=build /opt/waggle /opt/waggle
ENV PATH=/opt/waggle/.venv/bin:$PATH PYTHONUNBUFFERED=1
USER waggle
WORKDIR /home/waggle
RUN mkdir -m 700 .waggle
VOLUME /home/waggle/.waggle
HEALTHCHECK --interval=60s --timeout=15s --start-period=60s CMD ["waggle", "alive"]
ENTRYPOINT ["waggle"]
CMD ["run"]
