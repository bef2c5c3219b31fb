let underWay = 0

/** Makes a call of a store that no gate holds any more, so that {@link quiet} waits for its answer. */
export async function counted<Result>(call: () => Promise<Result>): Promise<Result> {
  underWay += 1
  try {
    return await call()
  } finally {
    underWay -= 1
  }
}

/** Waits until all actors wait for their turn: apart from calls of the store they only need microtasks. */
export async function quiet(): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve))
  while (underWay > 0)
}
