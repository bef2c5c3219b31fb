/** The part of a request that is checked here. */
export interface ArrivedRequest {
  readonly httpVersionMajor?: number
  readonly httpVersionMinor?: number
  readonly rawHeaders: readonly string[]
}

/**
 * Headers that proxies, load balancers and content delivery networks add to requests that they forward. Headers that
 * clients and tracing libraries send themselves, such as `traceparent` and `X-Request-Id`, are not among them.
 */
const FORWARDING = new RegExp(
  `^(?:${[
    'forwarded',
    'via',
    'cdn-loop',
    'max-forwards',
    '(?:x-)?proxy.*',
    'front-end-https',
    'x-(?:forward|original|cluster|real|remote|ssl|tls|arr|azure|fd|envoy|fastly|akamai|vercel|nf|varnish|nginx|sucuri|bluecoat|coming|amz-cf|amzn)(?:ed|er|ing)?(?:-.*)?',
    'x-(?:scheme|host|port|url-scheme|rewrite-url|request-start|originating-ip)',
    // From Google's front end. The headers of its cron and its queues are left out, since local development sends them
    // too.
    'x-(?:cloud-trace-context|gfe-.*|goog-(?:iap|authenticated-user)-.*)',
    'x-appengine-(?:user-ip|https|country|region|city|citylatlong|default-version-hostname)',
    '(?:.*-)?client-(?:ip|cert|host)(?:-.*)?',
    '.*-connecting-ip(?:v6)?',
    '(?:.*-)?real-ip',
    'remote-addr',
    '(?:.*-)?forwarded-(?:for|proto|host|port|by|server)',
    '(?:cf|cloudfront|fastly|fly|akamai|incap|wl-proxy|tailscale|ngrok|render|ssl)-.*',
  ].join('|')})$`,
  'i',
)

/**
 * Whether a proxy forwarded this request, so that it comes from elsewhere although it arrives on loopback. A reverse
 * proxy may add no header at all: by default nginx can be recognized only by HTTP/1.0.
 */
export function isPassedOn(req: ArrivedRequest): boolean {
  const { httpVersionMajor: major, httpVersionMinor: minor, rawHeaders } = req
  if (major === 0 || (major === 1 && minor === 0)) return true
  if (!Array.isArray(rawHeaders)) return false
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (FORWARDING.test(rawHeaders[at] as string)) return true
  }
  return false
}
