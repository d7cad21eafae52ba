"""TLS to an upstream whose handshake has to come to an end.

Rule: an upstream that takes the connection and never answers the handshake costs its request as much time as one that
cannot be reached, not the silence allowed on a connection; who waits hears why. mitmproxy has no bound of its own here.
"""

from __future__ import annotations

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.tunnel import TunnelState

from clyra_proxy.engine.client import state_of


class UpstreamTls(ServerTLSLayer):
    """See the module."""

    _deadline: commands.RequestWakeup | None = None

    def start_tls(self) -> layer.CommandGenerator[None]:
        """Begin the handshake, and the time it has."""
        yield from super().start_tls()
        self._deadline = commands.RequestWakeup(state_of(self.context.client).settings.connect_timeout_s)
        yield self._deadline

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if not isinstance(event, events.Wakeup) or event.command is not self._deadline:
            yield from super()._handle_event(event)
        elif self.tunnel_state is TunnelState.ESTABLISHING:
            late = f"no TLS handshake within {self._deadline.delay:g} s"
            yield from self.on_handshake_error(late)
            yield from self._handshake_finished(late)
