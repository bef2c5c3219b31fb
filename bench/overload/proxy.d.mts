/** Types for the tests. */
export interface SlowProxy {
  readonly address: string
  /** How many connections are open. */
  readonly connections: number
  readonly settings: { delay: number; bandwidth: number; silent: boolean }
  deaden(): void
  vanish(): Promise<void>
  comeBack(): Promise<void>
  close(): Promise<void>
}

export function startProxy(target: string): Promise<SlowProxy>
