"""The data path, one small mitmproxy addon a concern, in the order an exchange meets them."""
