import type { RequestStorage } from './storage.ts'

/** The I/O that a session needs from its maker. */
export type SessionHost<Data extends object> = Pick<
  RequestStorage<Data>,
  'load' | 'save' | 'change' | 'exclusive' | 'keepsClients' | 'fences' | 'securityKeys'
>
