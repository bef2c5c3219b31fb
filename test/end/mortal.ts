import type { TaskQueue } from '../../src/sweep/task-queue.ts'
import type { SessionStore } from '../../src/index.ts'

const never = new Promise<never>(() => {})

/** One process, which crashes at its n-th call: from then on its calls have no effect and no answer. */
export class Life {
  calls = 0
  readonly died: Promise<'died'>
  readonly #dieAt: number
  readonly #when: 'before' | 'after'
  #dead = false
  #die: () => void = () => {}

  constructor(dieAt: number = Number.POSITIVE_INFINITY, when: 'before' | 'after' = 'before') {
    this.#dieAt = dieAt
    this.#when = when
    this.died = new Promise((resolve) => {
      this.#die = () => {
        this.#dead = true
        resolve('died')
      }
    })
  }

  /** Does the work, or crashes before or after it. */
  async through<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#dead) return await never
    this.calls += 1
    const isLast = this.calls === this.#dieAt
    if (isLast && this.#when === 'before') {
      this.#die()
      return await never
    }
    const result = await work()
    if (isLast) this.#die()
    return this.#dead ? await never : result
  }

  store(store: SessionStore): SessionStore {
    const { notes, keys } = store
    return {
      name: store.name,
      shards: store.shards,
      find: (key) => this.through(() => store.find(key)),
      write: (mutation) => this.through(() => store.write(mutation)),
      writeTogether: (mutations) => this.through(() => store.writeTogether(mutations)),
      writeEach: (mutations) => this.through(() => store.writeEach(mutations)),
      page: (selection, options) => this.through(() => store.page(selection, options)),
      pageKeys: (selection, options) => this.through(() => store.pageKeys(selection, options)),
      notes: {
        get: (name) => this.through(() => notes.get(name)),
        put: (name, value, version) => this.through(() => notes.put(name, value, version)),
        delete: (name, version) => this.through(() => notes.delete(name, version)),
        list: (prefix, limit) => this.through(() => notes.list(prefix, limit)),
      },
      keys: {
        insert: (records) => this.through(() => keys.insert(records)),
        find: (name) => this.through(() => keys.find(name)),
        use: (name, version) => this.through(() => keys.use(name, version)),
        page: (selection, options) => this.through(() => keys.page(selection, options)),
        remove: (names) => this.through(() => keys.remove(names)),
      },
      close: () => store.close(),
    }
  }

  queue(queue: TaskQueue): TaskQueue {
    return { add: (task) => this.through(() => queue.add(task)) }
  }
}
