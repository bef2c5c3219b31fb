/** For how long ends wait for others of their page once no handler gets on, in milliseconds. */
const WAITS = 250

/** The same on a page on which that has happened: its handlers wait for one another's ends. */
const WAITS_AGAIN = 10

interface Wish<Item, Result> {
  readonly item: Item
  readonly work: Handler
  resolve(result: Result): void
  reject(error: unknown): void
}

/** One handler that was begun. */
interface Handler {
  /** How many of its wishes are not fulfilled. */
  waiting: number
  done: boolean
}

/**
 * Works the items of one page off, with at most `limit` handlers at work at the same time. A handler may wish for
 * something that is cheaper done for many: while it waits for that it takes no place, so the next one begins, and
 * what all wish for is fulfilled together as soon as everybody waits or is done. Handlers that wait for one another
 * would never get there; so where nobody gets on for a moment, what has been gathered goes out as it is.
 */
export class GatheredPage<Item, Result> {
  readonly #limit: number
  readonly #fulfil: (items: readonly Item[]) => Promise<readonly Result[]>
  #items: readonly Item[] = []
  #handle: (item: Item, wish: () => Promise<Result>) => Promise<void> = async () => {}
  #next = 0
  /** Handlers that neither wait nor are done. */
  #atWork = 0
  #unfinished = 0
  #underWay = 0
  #wishes: Wish<Item, Result>[] = []
  /** Those whose wish is fulfilled, and who wait for a place. */
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

  /** After a failure of a handler no further item is begun; what is under way is waited for. */
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

  /** In a turn of its own, so that what happens in one turn is seen as a whole. */
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
    // Whoever does not wait for it has nobody to hear of its failure.
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
