"""The page on which people decide: served by the recorder itself, on a loopback address, with nothing from outside.

`listener` takes connections, `site` routes and guards them, `login` and `decisions` are what one can do there, `html`
is what one sees. A TLS proxy in front of it makes it reachable from elsewhere; its origin is then a setting.
"""
