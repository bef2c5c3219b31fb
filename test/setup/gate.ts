/** A point at which code waits until the test opens it. */
export interface Gate {
  /** Resolves when code waits at the gate. */
  readonly reached: Promise<void>
  readonly opened: Promise<void>
  reach(): void
  open(): void
}

export function gate(): Gate {
  let reach = (): void => {}
  let open = (): void => {}
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { reached, opened, reach, open }
}
