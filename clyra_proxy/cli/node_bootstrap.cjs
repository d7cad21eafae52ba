'use strict';
// Makes Node.js honour HTTPS_PROXY: `node --require node_bootstrap.cjs` (set by `clyra run` and `clyra env`).
//
// Node 20 ignores the proxy variables in http, https and fetch; Node 24 honours them with NODE_USE_ENV_PROXY=1, but only
// in the default agents. This file closes both holes with Node's own modules and nothing else: every http(s).Agent
// opens its connections through a CONNECT tunnel (RFC 9110 section 9.3.6), and so does the dispatcher behind fetch.
// Not covered: raw net/tls sockets, http2.connect and requests that bring their own createConnection.

const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const tls = require('node:tls');
const { syncBuiltinESMExports } = require('node:module');

const CONNECT_TIMEOUT_MS = 30_000;
const LONGEST_HEAD = 65_536;
const DISPATCHER = Symbol.for('undici.globalDispatcher.1');

// Deno and Bun read NODE_OPTIONS too, but honour the proxy by themselves (and Deno may forbid reading variables).
if (typeof Deno === 'undefined' && typeof Bun === 'undefined') {
  const configured = process.env.HTTPS_PROXY || process.env.https_proxy;
  if (configured) install(new URL(configured));
}

function install(proxy) {
  const proxyHost = proxy.hostname.replace(/^\[|\]$/g, '');
  const proxyPort = Number(proxy.port || 80);
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const authorization = proxy.username ? `Basic ${Buffer.from(credentials).toString('base64')}` : '';
  const exempt = (process.env.NO_PROXY || process.env.no_proxy || '').split(/[\s,]+/).filter(Boolean);

  function goesDirect(host, port) {
    if (host === proxyHost && Number(port) === proxyPort) return true;
    return exempt.some((entry) => {
      const [name, only] = entry.startsWith('[') ? [entry.slice(1, -1)] : entry.split(':');
      if (only && Number(only) !== Number(port)) return false;
      const suffix = name.replace(/^\*?\./, '');
      return name === '*' || host === suffix || host.endsWith(`.${suffix}`);
    });
  }

  function tunnel(host, port, callback) {
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const socket = net.connect({ host: proxyHost, port: proxyPort });
    let head = Buffer.alloc(0);
    const end = (error) => {
      socket.removeAllListeners();
      socket.setTimeout(0);
      if (error) {
        socket.on('error', () => {});
        socket.destroy();
        callback(error);
      } else callback(null, socket);
    };
    const onData = (chunk) => {
      head = Buffer.concat([head, chunk]);
      const length = head.indexOf('\r\n\r\n');
      if (length < 0) return head.length > LONGEST_HEAD ? end(refusal(authority, 'an endless answer')) : undefined;
      const lines = head.subarray(0, length).toString('latin1').split('\r\n');
      const status = Number(lines[0].split(' ')[1]);
      if (status < 200 || status > 299) return end(refusal(authority, lines[0], lines));
      socket.pause();
      const rest = head.subarray(length + 4);
      end(null);
      if (rest.length) socket.unshift(rest);
      return undefined;
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => end(refusal(authority, 'no answer in time')));
    socket.once('error', end);
    socket.once('close', () => end(refusal(authority, 'it closed the connection')));
    socket.on('data', onData);
    const fields = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
    if (authorization) fields.push(`Proxy-Authorization: ${authorization}`);
    socket.write(`${fields.join('\r\n')}\r\n\r\n`);
  }

  function throughTunnel(agentClass, defaultPort, wrap) {
    const original = agentClass.prototype.createConnection;
    agentClass.prototype.createConnection = function createConnection(options, callback) {
      const direct = typeof options !== 'object' || options === null || options.socketPath || options.socket;
      const native = this.options && this.options.proxyEnv;
      const host = direct ? '' : options.host || options.hostname || 'localhost';
      const port = direct ? 0 : options.port || defaultPort;
      if (direct || native || goesDirect(host, port)) return original.apply(this, arguments);
      tunnel(host, port, (error, socket) => {
        if (error) return callback(error);
        return callback(null, wrap(this, original, { ...options, socket }));
      });
      return undefined;
    };
  }

  throughTunnel(http.Agent, 80, (_agent, _original, options) => options.socket);
  throughTunnel(https.Agent, 443, (agent, original, options) => original.call(agent, options));
  useAgentsForWebSockets();
  proxyFetch(tunnel, goesDirect);
  syncBuiltinESMExports();
}

function refusal(authority, answer, lines = []) {
  const reason = lines.find((line) => /^clyra-reason:/i.test(line));
  const why = reason ? `${answer} (${reason.split(':')[1].trim()})` : answer;
  const error = new Error(`the proxy did not open a tunnel to ${authority}: ${why}`);
  error.code = 'ERR_PROXY_TUNNEL';
  return error;
}

// The `ws` package asks for its own TCP connection; an upgrade without an agent gets the default agent instead.
function useAgentsForWebSockets() {
  for (const [module, agent] of [[http, () => http.globalAgent], [https, () => https.globalAgent]]) {
    const original = module.request;
    module.request = function request(...parameters) {
      const options = parameters.find((one) => one && typeof one === 'object' && !(one instanceof URL));
      const headers = (options && options.headers) || {};
      const upgrade = !Array.isArray(headers) && (headers.Upgrade || headers.upgrade);
      const own = options && options.createConnection && !options.agent && !options.socketPath;
      if (own && String(upgrade).toLowerCase() === 'websocket') {
        delete options.createConnection;
        options.agent = agent();
      }
      return original.apply(this, parameters);
    };
  }
}

function proxyFetch(tunnel, goesDirect) {
  if (typeof globalThis.Response !== 'function') return; // reading it loads the dispatcher
  const present = globalThis[DISPATCHER];
  if (!present || present.constructor.name !== 'Agent') return; // Node's own proxy support, or somebody's choice
  const connect = (options, callback) => {
    const secure = options.protocol === 'https:';
    const port = Number(options.port || (secure ? 443 : 80));
    const host = options.hostname.replace(/^\[|\]$/g, '');
    const dress = (error, socket) => {
      if (error) return callback(error);
      if (!secure) return callback(null, socket);
      const name = options.servername || (net.isIP(host) ? undefined : host);
      const secured = tls.connect({ socket, host, servername: name, ALPNProtocols: ['http/1.1'] });
      secured.once('secureConnect', () => {
        secured.removeListener('error', callback);
        callback(null, secured);
      });
      return secured.once('error', callback);
    };
    if (!goesDirect(host, port)) return tunnel(host, port, dress);
    const socket = net.connect({ host, port });
    socket.once('error', callback);
    return socket.once('connect', () => {
      socket.removeListener('error', callback);
      dress(null, socket);
    });
  };
  globalThis[DISPATCHER] = new present.constructor({ connect });
}
