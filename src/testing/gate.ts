/** A gate at which calls wait until a test opens it. */
export interface Gate {
  /** Resolves when as many calls as the gate has places have reached it. */
  readonly reached: Promise<void>
  /** Waits at the gate. */
  pass(): Promise<void>
  open(): void
}

export function gate(places = 1): Gate {
  let reach = (): void => {}
  let open = (): void => {}
  let left = places
  const reached = new Promise<void>((resolve) => {
    reach = resolve
  })
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return {
    reached,
    open,
    pass: () => {
      left -= 1
      if (left === 0) reach()
      return opened
    },
  }
}
