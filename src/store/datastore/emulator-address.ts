import { show } from '../../base/duration.ts'
import { SessionConfigError } from '../../base/errors.ts'
import { wrongOption } from '../../base/option-checks.ts'
import { googleCloudSign } from '../../google/platform.ts'

/** Where an emulator listens. */
export interface EmulatorAddress {
  readonly host: string
  readonly port: number
}

/**
 * `host:port`, `[::1]:port`, also `::1:port` as gcloud prints it, with or without `http://`; `null` for anything else. The
 * driver's own reading of IPv6 is wrong, so it is never asked.
 */
export function readAddress(text: string): EmulatorAddress | null {
  const match =
    /^(?:https?:\/\/)?(?<host>\[[0-9a-f:.]+\]|[0-9a-f:.]*:[0-9a-f:.]*|[^\s:/@[\]]+):(?<port>\d{1,5})\/?$/i.exec(
      text.trim(),
    )
  const { host = '', port = '' } = match?.groups ?? {}
  if (match === null || Number(port) < 1 || Number(port) > 65535) return null
  return {
    host: host.includes(':') && !host.startsWith('[') ? `[${host}]` : host,
    port: Number(port),
  }
}

/** The address in `DATASTORE_EMULATOR_HOST`. */
export function parseEmulatorHost(text: string): EmulatorAddress {
  const address = readAddress(text)
  if (address !== null) return address
  throw wrongOption(
    'DATASTORE_EMULATOR_HOST',
    'must be host:port, such as 127.0.0.1:8081 or [::1]:8081',
    text,
  )
}

/** Whether the host is this machine. */
export function isLoopback(host: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[::1?\])$/i.test(host)
}

/** The emulator that the environment names, or `null`; one in production is a mistake that would lose all sessions. */
export function emulatorFrom(
  environment: Readonly<Record<string, string | undefined>>,
): EmulatorAddress | null {
  const text = environment['DATASTORE_EMULATOR_HOST']
  if (text === undefined || text.trim() === '') return null
  const sign = googleCloudSign(environment)
  if (sign !== null) {
    throw new SessionConfigError(
      `DATASTORE_EMULATOR_HOST is set to ${show(text)} while ${sign} says that this is Google Cloud: unset it, or sessions go nowhere`,
    )
  }
  return parseEmulatorHost(text)
}
