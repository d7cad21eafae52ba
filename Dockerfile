# syntax=docker/dockerfile:1
# Clyra in a container: proxy and recorder, as user 1337, on a read-only root file system.
#
#   docker build -t clyra .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges \
#     --tmpfs /tmp -v clyra-data:/var/lib/clyra -v ./policy.yaml:/etc/clyra/policy.yaml:ro \
#     -p 127.0.0.1:8080:8080 -p 127.0.0.1:9090:9090 clyra
#
# The policy must require authentication, because inside a container the proxy listens on all addresses:
# `identity.required: true`. All that is written lies in /var/lib/clyra (authority, evidence, verdicts): keep it.

FROM python:3.13-slim AS build
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/clyra
WORKDIR /src
# uv.lock pins everything that is installed into the image; this only pins the installer.
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.*
COPY pyproject.toml uv.lock README.md ./
RUN uv sync --frozen --no-dev --no-install-project
COPY addons/ addons/
COPY clyra_proxy/ clyra_proxy/
COPY recorder/ recorder/
COPY policies/ policies/
RUN uv sync --frozen --no-dev --no-editable

FROM python:3.13-slim AS run
LABEL org.opencontainers.image.title="clyra" \
      org.opencontainers.image.description="A validating proxy with evidence that anyone can verify" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/clyra/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CLYRA_HOME=/var/lib/clyra
COPY --from=build /opt/clyra /opt/clyra
# Numeric owner: 1337 needs no entry in /etc/passwd, and Kubernetes can check that it is not root.
RUN install -d -o 1337 -g 1337 -m 0700 /var/lib/clyra
USER 1337:1337
WORKDIR /var/lib/clyra
VOLUME ["/var/lib/clyra"]
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9090/healthz', timeout=2)"]
ENTRYPOINT ["clyra"]
CMD ["proxy", "--policy", "/etc/clyra/policy.yaml", "--host", "0.0.0.0", "--health", "0.0.0.0:9090"]
