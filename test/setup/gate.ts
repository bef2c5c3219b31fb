/** A place that somebody stands at until the test lets them go on. */
export interface Gate {
  /** Resolves when somebody stands there. */
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
