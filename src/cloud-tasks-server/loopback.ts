import { show } from './duration.ts'
import { CloudTasksServerError } from './errors.ts'

/** Whether this is an `http:` URL of this machine. Tasks are delivered to no other URL. */
export function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return (
    protocol === 'http:' &&
    (hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname))
  )
}

/** Returns the base URL of an app on this machine, without a final slash. */
export function appUrl(option: string, url: unknown): string {
  if (typeof url !== 'string' || !isLoopback(url) || /[?#]/.test(url)) {
    throw new CloudTasksServerError(
      `cloudTasksServer: ${option} must be the http: URL of an app on this machine, such as http://127.0.0.1:8080, but is ${show(url)}`,
    )
  }
  return url.replace(/\/+$/, '')
}
