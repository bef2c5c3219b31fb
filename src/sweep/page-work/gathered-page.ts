/** How long ends wait for other ends of their page once no handler makes progress, in milliseconds. */
const WAITS = 250

/** The shorter wait on a page after `WAITS` has passed there once: its handlers wait for the ends of one another. */
const WAITS_AGAIN = 10

interface Wish<Item, Result> {
  readonly item: Item
  readonly work: Handler
  resolve(result: Result): void
  reject(error: unknown): void
}

/** One running handler. */
interface Handler {
  /** The number of its wishes that are not fulfilled. */
  waiting: number
  done: boolean
}

/**
 * Handles the items of one page, with at most `limit` handlers at work at the same time. A handler may wish for an
 * operation that is cheaper for many items together. While a handler waits for the operation it does not count as at
 * work, so the next handler begins. All wishes are fulfilled together as soon as every handler waits or is done.
 * Handlers that wait for one another would never reach that point. So the present wishes are also fulfilled when no
 * handler has made progress for a moment.
 */
export class GatheredPage<Item, Result> {
  readonly #limit: number
  readonly #fulfil: (items: readonly Item[]) => Promise<readonly Result[]>
  #items: readonly Item[] = []
  #handle: (item: Item, wish: () => Promise<Result>) => Promise<void> = async () => {}
  #next = 0
  /** The number of handlers that neither wait nor are done. */
  #atWork = 0
  #unfinished = 0
  #underWay = 0
  #wishes: Wish<Item, Result>[] = []
  /** Handlers whose wish is fulfilled. They continue as soon as fewer than `limit` handlers are at work. */
  #returning: (() => void)[] = []
  #failure: { readonly error: unknown } | null = null
  #timer: NodeJS.Timeout | undefined
  #wait = WAITS
  #isDue = false
  #finish: () => void = () => {}

  constructor(limit: number, fulfil: (items: readonly Item[]) => Promise<readonly Result[]>) {
    this.#limit = limit
    this.#fulfil = fulfil
  }

  /** Handles all items. After a failure of a handler no further item is begun; running handlers are awaited. */
  async run(
    items: readonly Item[],
    handle: (item: Item, wish: () => Promise<Result>) => Promise<void>,
  ): Promise<void> {
    this.#items = items
    this.#handle = handle
    await new Promise<void>((resolve) => {
      this.#finish = resolve
      this.#goOnSoon()
    })
    clearTimeout(this.#timer)
    if (this.#failure !== null) throw this.#failure.error
  }

  /** Continues in a microtask, so that it considers all events of one turn together. */
  #goOnSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    queueMicrotask(() => {
      this.#isDue = false
      this.#goOn()
    })
  }

  #goOn(): void {
    while (this.#atWork < this.#limit) {
      const back = this.#returning.shift()
      if (back !== undefined) back()
      else if (this.#failure === null && this.#next < this.#items.length) this.#begin()
      else break
    }
    clearTimeout(this.#timer)
    const isIdle = this.#atWork === 0 && this.#returning.length === 0
    if (this.#wishes.length > 0) {
      if (isIdle && this.#underWay === 0) void this.#flush()
      else {
        this.#timer = setTimeout(() => {
          this.#wait = WAITS_AGAIN
          void this.#flush()
        }, this.#wait)
      }
    } else if (isIdle && this.#underWay === 0 && this.#unfinished === 0) this.#finish()
  }

  #begin(): void {
    const item = this.#items[this.#next] as Item
    this.#next += 1
    this.#atWork += 1
    this.#unfinished += 1
    const handler: Handler = { waiting: 0, done: false }
    const end = (failure: { error: unknown } | null): void => {
      this.#failure ??= failure
      this.#unfinished -= 1
      handler.done = true
      if (handler.waiting === 0) this.#atWork -= 1
      this.#goOnSoon()
    }
    this.#handle(item, () => this.#wish(item, handler)).then(
      () => end(null),
      (error: unknown) => end({ error }),
    )
  }

  #wish(item: Item, work: Handler): Promise<Result> {
    const wish = new Promise<Result>((resolve, reject) => {
      this.#wishes.push({ item, work, resolve, reject })
    })
    // A handler need not wait for the promise, so a failure must not be an unhandled rejection.
    wish.catch(() => {})
    if (work.waiting === 0 && !work.done) this.#atWork -= 1
    work.waiting += 1
    this.#goOnSoon()
    return wish
  }

  async #flush(): Promise<void> {
    const wishes = this.#wishes
    this.#wishes = []
    this.#underWay += 1
    let answer: (wish: Wish<Item, Result>, at: number) => void
    try {
      const results = await this.#fulfil(wishes.map(({ item }) => item))
      answer = (wish, at) => wish.resolve(results[at] as Result)
    } catch (error) {
      answer = (wish) => wish.reject(error)
    }
    this.#underWay -= 1
    wishes.forEach((wish, at) => {
      this.#returning.push(() => {
        const { work } = wish
        work.waiting -= 1
        if (work.waiting === 0 && !work.done) this.#atWork += 1
        answer(wish, at)
      })
    })
    this.#goOnSoon()
  }
}
