/**
 * Options of @grpc/grpc-js for an outage. They keep the pause before a new try to connect short. By default it grows to
 * two minutes, in which the client would not notice that the server is back.
 */
export const CHANNEL = {
  'grpc.max_reconnect_backoff_ms': 2000,
  'grpc.initial_reconnect_backoff_ms': 100,
}

/** Each client gets its own connections, because a new client replaces one whose connection has died. */
export const OWN = { 'grpc.use_local_subchannel_pool': 1 }

/** Ignores the proxy variables of the environment (`http_proxy`, `grpc_proxy`), which are not meant for an emulator. */
export const DIRECT = { 'grpc.enable_http_proxy': 0 }

/**
 * Finds a connection that died while it was idle, before the next visitor needs it. Not for emulators: a development
 * server treats pings without calls as an attack, and connections on the same machine do not die silently.
 */
export const KEEPALIVE = {
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.keepalive_permit_without_calls': 1,
}

/** Removes the size limits of messages, as in Google's clients: the server decides which message is too large. */
export const ANY_SIZE = {
  'grpc.max_send_message_length': -1,
  'grpc.max_receive_message_length': -1,
}
