/**
 * Waits for work that cannot be stopped halfway, but only until the user asks to stop. The message says what happens to
 * the rest.
 */
export async function untilStopped<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
  message: string,
): Promise<Result> {
  return await new Promise<Result>((done, fail) => {
    const stop = () => fail(new Error(message))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(done, fail).finally(() => signal.removeEventListener('abort', stop))
  })
}
