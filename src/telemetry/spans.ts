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

/** The properties of the spans of one kind of work. */
interface Kind<Message extends Traced> {
  name(message: Message): string
  readonly kind: SpanKind
  /**
   * Returns the parent span, and the spans to link to. Without it, the parent is the context in which the work began.
   */
  places?(message: Message): { readonly parent: Context; readonly links: readonly Link[] } | null
  /** Called with the span, directly after its start. */
  begun?(message: Message, span: Span): void
  attributes(message: Message): Attributes
  /** Whether the work failed although it threw nothing. Default: whether it has an error. */
  failed?(message: Message): boolean
}

/** The context of the work: `own` is valid as long as the app has not changed `outer`. */
interface Place {
  readonly outer: Context
  readonly own: Context
}

/**
 * Makes a span of each piece of work. An AsyncLocalStorage of this class nests the spans within a process, since the
 * API of OpenTelemetry cannot express that the context changes between two channels.
 */
export class Spans {
  readonly #tracer: Tracer
  readonly #listening: Listening
  readonly #within = new AsyncLocalStorage<Place>()
  /** The context of each request that waits for the store. */
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
        // The provider belongs to the app. Node would end the process if this threw, so work that it cannot begin has
        // no span.
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

  /** Begins a span, and returns the context of the work in it. */
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

  /** Returns the current context: the span of this class, unless the app has begun its own span since. */
  #current(): Context {
    const within = this.#within.getStore()
    const outer = active.active()
    return within !== undefined && within.outer === outer ? within.own : outer
  }

  /** Returns the first request as parent, and links to the others, since a span belongs to only one trace. */
  #placesOf(askers: readonly StoreAsk[]): { parent: Context; links: Link[] } | null {
    const [parent, ...others] = askers.flatMap((ask) => this.#asks.get(ask) ?? [])
    return parent === undefined ? null : { parent, links: others.flatMap(linkTo) }
  }

  /** Links the spans of the other requests to the call that they shared. */
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
