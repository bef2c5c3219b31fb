/**
 * How the channel of a client that the store makes behaves in an outage; options of @grpc/grpc-js. The wait before another
 * try to connect stays short: by default it grows to two minutes, in which a server that is back is not noticed.
 */
export const CHANNEL = {
  'grpc.max_reconnect_backoff_ms': 2000,
  'grpc.initial_reconnect_backoff_ms': 100,
}

/** Each client gets connections of its own, since a new one is made where the old one has gone silent. */
export const OWN = { 'grpc.use_local_subchannel_pool': 1 }

/** What the environment says of proxies (`http_proxy`, `grpc_proxy`) is not meant for an emulator. */
export const DIRECT = { 'grpc.enable_http_proxy': 0 }

/**
 * Finds a connection that died while nothing was under way, before the next visitor does. Not for emulators: a server for
 * development takes pings without calls for an attack, and they do not die silently on the same machine.
 */
export const KEEPALIVE = {
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.keepalive_permit_without_calls': 1,
}

/** As Google's clients have it: the server decides what is too large. */
export const ANY_SIZE = {
  'grpc.max_send_message_length': -1,
  'grpc.max_receive_message_length': -1,
}
