# The image of every process: web by default, worker and beat by another command.
# `docker compose up --build` builds and runs it; docs/operations.md says the rest.

# --- The scripts of the pages ---------------------------------------------------

FROM node:24-bookworm-slim AS pages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY frontend frontend
RUN npm run build

# --- The Python packages ----------------------------------------------------------

FROM python:3.12-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements/production.txt /tmp/requirements.txt
# Without a pip of its own: nothing is installed into it later.
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install \
        --no-deps --require-hashes -r /tmp/requirements.txt

# --- The application ----------------------------------------------------------------

FROM python:3.12-slim-bookworm AS application

LABEL org.opencontainers.image.title="ReserveAPI" \
      org.opencontainers.image.description="A reservation engine for venues and the apps that book them." \
      org.opencontainers.image.licenses="MIT"

RUN groupadd --system --gid 10001 reserve \
    && useradd --system --uid 10001 --gid reserve --home-dir /app --no-create-home \
        --shell /usr/sbin/nologin reserve

ENV PATH="/opt/venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RESERVE_MODE=production

WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY manage.py LICENSE ./
COPY reserve reserve
COPY accounts accounts
COPY venues venues
COPY bookings bookings
COPY notifications notifications
COPY webhooks webhooks
COPY templates templates
COPY locale locale
COPY --from=pages /app/frontend/dist frontend/dist

# Everything belongs to root, so that the process can change nothing. Collecting
# reads the settings but uses neither the secret nor the database.
RUN python -m compileall -q manage.py reserve accounts venues bookings notifications \
    && JWT_SECRET=not-a-secret-only-to-collect-static-files \
        DATABASE_URL=postgresql://nobody@localhost/unused \
        python manage.py collectstatic --noinput --verbosity 0

USER 10001:10001
EXPOSE 4000
STOPSIGNAL SIGTERM

# The process answers; whether it can serve is what /health/ready tells.
HEALTHCHECK --interval=10s --timeout=5s --start-period=40s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\") or 4000}/health/live', timeout=4)"]

CMD ["python", "-m", "reserve.serve", "web"]
