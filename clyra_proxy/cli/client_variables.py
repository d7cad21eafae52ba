"""The environment that makes a client use the proxy and trust its authority, for every runtime we know.

Rule: variables that REPLACE a runtime's trust store get the bundle (public roots and ours), variables that ADD to it
get our certificate alone; a variable that could make a client go round the proxy (NO_PROXY, configured proxies) is
overridden. Variables are advice to well-behaved clients, never enforcement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

TRUST_BUNDLE = (
    "SSL_CERT_FILE",  # OpenSSL: curl, Python, Go, Ruby, .NET, uv, bun, deno
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "npm_config_cafile",
    "CARGO_HTTP_CAINFO",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "HTTPLIB2_CA_CERTS",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "NIX_SSL_CERT_FILE",
)
TRUST_ADDED = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")
PROXY = (
    *("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"),
    *("npm_config_https_proxy", "npm_config_proxy", "CARGO_HTTP_PROXY"),
)
NO_PROXY = ("NO_PROXY", "no_proxy", "npm_config_noproxy")

UNVERIFIED = "unverified"
"""Password of a claim without a token: some clients (Python's urllib) present no name without a password."""

NODE_BOOTSTRAP = Path(__file__).with_name("node_bootstrap.cjs")
TRUST_STORE_PASSWORD = "changeit"  # noqa: S105 - Java's customary password; the store holds public certificates


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client needs. agent, run, token: the identity it presents, "" for none. exempt: NO_PROXY entries."""

    host: str
    port: int
    ca_certificate: Path
    ca_bundle: Path
    java_trust_store: Path
    wget_settings: Path
    agent: str = ""
    run: str = ""
    token: str = ""
    exempt: tuple[str, ...] = ()

    @property
    def proxy_url(self) -> str:
        """`http://agent+run:token@host:port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.agent}+{self.run}" if self.run else self.agent
        token = quote(self.token, safe="") or UNVERIFIED
        credentials = f"{quote(user, safe='+')}:{token}@" if self.agent else ""
        return f"http://{credentials}{host}:{self.port}"


def client_variables(settings: ClientSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    """Variable -> value. inherited: the environment they are laid over; option lists in it are extended."""
    variables = dict.fromkeys(PROXY, settings.proxy_url)
    variables |= dict.fromkeys(NO_PROXY, ",".join(settings.exempt))
    variables |= dict.fromkeys(TRUST_BUNDLE, str(settings.ca_bundle))
    variables |= dict.fromkeys(TRUST_ADDED, str(settings.ca_certificate))
    variables["NODE_USE_ENV_PROXY"] = "1"
    variables["NODE_OPTIONS"] = _extended(inherited.get("NODE_OPTIONS", ""), f'--require "{NODE_BOOTSTRAP}"')
    java = inherited.get("JAVA_TOOL_OPTIONS", "")
    variables["JAVA_TOOL_OPTIONS"] = _extended(java, _java_options(settings))
    variables["GIT_HTTP_PROXY_AUTHMETHOD"] = "basic"  # otherwise git presents credentials only when refused without
    variables |= _git_configuration(settings, inherited)
    if "WGETRC" not in inherited and not (Path.home() / ".wgetrc").exists():
        variables["WGETRC"] = str(settings.wget_settings)
    return variables


def wget_settings_text(settings: ClientSettings) -> str:
    """wget takes its trust store from a settings file alone."""
    return f"ca_certificate = {settings.ca_bundle}\nuse_proxy = on\n"


def _extended(present: str, added: str) -> str:
    return present if added in present else f"{present} {added}".strip()


def _java_options(settings: ClientSettings) -> str:
    """Java has no variable for credentials: its calls are known by their process."""
    store = str(settings.java_trust_store)
    options = [
        *(f"-D{scheme}.proxyHost={settings.host} -D{scheme}.proxyPort={settings.port}" for scheme in ("https", "http")),
        f"-Dhttp.nonProxyHosts={'|'.join(settings.exempt)}",
        f'-Djavax.net.ssl.trustStore="{store}"' if " " in store else f"-Djavax.net.ssl.trustStore={store}",
        f"-Djavax.net.ssl.trustStorePassword={TRUST_STORE_PASSWORD} -Djavax.net.ssl.trustStoreType=PKCS12",
    ]
    return " ".join(options)


def _git_configuration(settings: ClientSettings, inherited: Mapping[str, str]) -> dict[str, str]:
    """A proxy in a git configuration file would win over the variables; settings given this way win over it."""
    count = inherited.get("GIT_CONFIG_COUNT", "0")
    first = int(count) if count.isdigit() else 0
    keys = {"http.proxy": settings.proxy_url, "http.sslCAInfo": str(settings.ca_bundle)}
    variables = {"GIT_CONFIG_COUNT": str(first + len(keys))}
    for number, (key, value) in enumerate(keys.items(), first):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables
