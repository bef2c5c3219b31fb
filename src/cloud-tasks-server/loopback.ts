import { show } from './duration.ts'
import { CloudTasksServerError } from './errors.ts'

/** Whether it is an `http:` URL of this machine. Nothing else is delivered to. */
export function isLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return (
    protocol === 'http:' &&
    (hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname))
  )
}

/** The base URL of an app on this machine, without a slash at its end. */
export function appUrl(option: string, url: unknown): string {
  if (typeof url !== 'string' || !isLoopback(url) || /[?#]/.test(url)) {
    throw new CloudTasksServerError(
      `cloudTasksServer: ${option} must be the http: URL of an app on this machine, such as http://127.0.0.1:8080, but is ${show(url)}`,
    )
  }
  return url.replace(/\/+$/, '')
}
