import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Attributes,
  type Context,
  context as active,
  type Link,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api'
import type { Traced } from '../base/tracing.ts'
import type { CommitTrace } from '../request/commit.ts'
import type { LoadTrace } from '../request/load.ts'
import type { StoreAsk, StoreCall } from '../store/store-calls.ts'
import type { StepTrace } from '../sweep/engine.ts'
import type { Listening } from './listening.ts'
import { ATTRIBUTES } from './names.ts'
import { attributesOf, typeOfError } from './words.ts'

/** What is known of a piece of work, before it and after it. */
interface Kind<Message extends Traced> {
  name(message: Message): string
  readonly kind: SpanKind
  /** In whose trace it stands, and whose others it is a part of; absent: that of who began it. */
  places?(message: Message): { readonly parent: Context; readonly links: readonly Link[] } | null
  /** Called with the span, right after its start. */
  begun?(message: Message, span: Span): void
  attributes(message: Message): Attributes
  /** Whether it failed, though it threw nothing. Default: by its error. */
  failed?(message: Message): boolean
}

/** Where work stands: below `own`, as long as nobody else has changed `outer`. */
interface Place {
  readonly outer: Context
  readonly own: Context
}

/**
 * Makes a span of each piece of work. Within a process ours stand below each other by a storage of our own, since the
 * interface of OpenTelemetry has no way to say that the context changes between two channels.
 */
export class Spans {
  readonly #tracer: Tracer
  readonly #listening: Listening
  readonly #within = new AsyncLocalStorage<Place>()
  /** Of each who waits for the store, where it stands. */
  readonly #asks = new WeakMap<StoreAsk, Context>()

  constructor(tracer: Tracer, listening: Listening) {
    this.#tracer = tracer
    this.#listening = listening
    this.#trace<LoadTrace>('load', {
      name: () => 'session load',
      kind: SpanKind.INTERNAL,
      attributes: ({ outcome }) => (outcome === null ? {} : { [ATTRIBUTES.outcome]: outcome }),
    })
    this.#trace<CommitTrace>('commit', {
      name: () => 'session commit',
      kind: SpanKind.INTERNAL,
      attributes: ({ outcome, status }) => ({
        [ATTRIBUTES.responseStatus]: status,
        ...(outcome !== null && { [ATTRIBUTES.outcome]: outcome }),
      }),
    })
    this.#trace<StepTrace>('sweep-step', {
      name: () => 'session sweep step',
      kind: SpanKind.INTERNAL,
      attributes: ({ outcome, iterator, step }) => ({
        [ATTRIBUTES.iterator]: iterator,
        [ATTRIBUTES.step]: step,
        ...(outcome !== null && { [ATTRIBUTES.outcome]: outcome }),
      }),
    })
    listening.on('viur-session:store-ask', (ask: StoreAsk) => this.#asks.set(ask, this.#current()))
    this.#trace<StoreCall>('store-call', {
      name: ({ method }) => method,
      kind: SpanKind.CLIENT,
      places: ({ askers }) => this.#placesOf(askers),
      begun: ({ askers }, span) => this.#linkBack(askers, span),
      attributes: (call) => ({
        ...attributesOf(call),
        ...(call.keys > 1 && { [ATTRIBUTES.batchSize]: call.keys }),
        ...(call.requests > 1 && { [ATTRIBUTES.requests]: call.requests }),
      }),
      failed: ({ outcome }) => outcome === 'failed',
    })
  }

  #trace<Message extends Traced>(what: string, kind: Kind<Message>): void {
    const spans = new WeakMap<Message, Span>()
    const start = this.#listening.startOf(what)
    start.bindStore(this.#within, (message) => {
      try {
        return this.#begin(kind, spans, message as Message)
      } catch {
        // A provider of somebody else. Node ends the process where this throws: what it cannot begin has no span.
        return this.#within.getStore() as Place
      }
    })
    this.#listening.undoes(() => start.unbindStore(this.#within))
    this.#listening.onEnd<Message>(what, (message) => {
      const span = spans.get(message)
      if (span === undefined) return
      span.setAttributes(kind.attributes(message))
      if (kind.failed?.(message) ?? 'error' in message) {
        const type = typeOfError(message.error)
        span.setStatus({ code: SpanStatusCode.ERROR, message: type })
        if (kind.failed === undefined) span.setAttribute(ATTRIBUTES.error, type)
      }
      span.end()
    })
  }

  /** Gives where what it does stands. */
  #begin<Message extends Traced>(
    kind: Kind<Message>,
    spans: WeakMap<Message, Span>,
    message: Message,
  ): Place {
    const places = kind.places?.(message) ?? null
    const parent = places?.parent ?? this.#current()
    const span = this.#tracer.startSpan(
      kind.name(message),
      { kind: kind.kind, links: [...(places?.links ?? [])] },
      parent,
    )
    spans.set(message, span)
    kind.begun?.(message, span)
    return { outer: active.active(), own: trace.setSpan(parent, span) }
  }

  /** Where we stand: below a span of ours, unless the app has begun one of its own since. */
  #current(): Context {
    const within = this.#within.getStore()
    const outer = active.active()
    return within !== undefined && within.outer === outer ? within.own : outer
  }

  /** Below the first who asked, and linked to the others: one span can stand in one trace alone. */
  #placesOf(askers: readonly StoreAsk[]): { parent: Context; links: Link[] } | null {
    const [parent, ...others] = askers.flatMap((ask) => this.#asks.get(ask) ?? [])
    return parent === undefined ? null : { parent, links: others.flatMap(linkTo) }
  }

  /** The others hear in their own traces which call it was that they shared. */
  #linkBack([, ...others]: readonly StoreAsk[], span: Span): void {
    for (const ask of others) {
      const of = this.#asks.get(ask)
      const other = of === undefined ? undefined : trace.getSpan(of)
      other?.addLink?.({ context: span.spanContext() })
    }
  }
}

function linkTo(of: Context): Link[] {
  const span = trace.getSpan(of)
  return span === undefined ? [] : [{ context: span.spanContext() }]
}
