import { show } from '../../base/duration.ts'
import { SessionConfigError } from '../../base/errors.ts'
import { wrongOption } from '../../base/option-checks.ts'
import { type Environment, googleCloudSign } from '../../google/platform.ts'

/** The address of an emulator. */
export interface EmulatorAddress {
  readonly host: string
  readonly port: number
}

/**
 * Parses `host:port` or `[::1]:port`, also `::1:port` as gcloud prints it, with or without `http://`. Returns `null`
 * for other text. The driver's own parser is not used, since it reads IPv6 addresses wrongly.
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

/** Parses the value of `DATASTORE_EMULATOR_HOST`. Throws `SessionConfigError` for a malformed one. */
export function parseEmulatorHost(text: string): EmulatorAddress {
  const address = readAddress(text)
  if (address !== null) return address
  throw wrongOption(
    'DATASTORE_EMULATOR_HOST',
    'must be host:port, such as 127.0.0.1:8081 or [::1]:8081',
    text,
  )
}

/** Whether the host name or address means this machine. */
export function isLoopback(host: string): boolean {
  return /^(?:(?:.+\.)?localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[::1?\])$/i.test(host)
}

/**
 * Returns the emulator that the environment names, or `null`. Throws on Google Cloud, where all sessions would be lost.
 */
export function emulatorFrom(environment: Environment): EmulatorAddress | null {
  const text = environment['DATASTORE_EMULATOR_HOST']
  if (text === undefined || text.trim() === '') return null
  const sign = googleCloudSign(environment)
  if (sign !== null) {
    throw new SessionConfigError(
      `DATASTORE_EMULATOR_HOST is set to ${show(text)} but ${sign} shows that this is Google Cloud: unset it, or all sessions are lost`,
    )
  }
  return parseEmulatorHost(text)
}
