import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { onTestFinished } from 'vitest'

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, string | number>>
}

interface Point {
  readonly attributes: readonly Attribute[]
  readonly asInt?: string | number
  readonly asDouble?: number
  readonly count?: string | number
}

/** A metric on the wire (opentelemetry/proto/metrics/v1, in JSON). */
export interface SentMetric {
  readonly name: string
  readonly unit: string
  readonly description: string
  readonly sum?: { readonly dataPoints: readonly Point[]; readonly isMonotonic: boolean }
  readonly gauge?: { readonly dataPoints: readonly Point[] }
  readonly histogram?: {
    readonly dataPoints: readonly (Point & { readonly explicitBounds: readonly number[] })[]
  }
}

/** A span on the wire. */
export interface SentSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly attributes: readonly Attribute[]
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly status: { readonly code: number; readonly message?: string }
}

interface Sent {
  readonly resourceMetrics?: readonly { scopeMetrics: readonly { metrics: SentMetric[] }[] }[]
  readonly resourceSpans?: readonly { scopeSpans: readonly { spans: SentSpan[] }[] }[]
}

/** The SDK of OpenTelemetry, and a receiver on loopback to which it sends OTLP as JSON over HTTP. */
export async function receiver() {
  const texts: string[] = []
  const server = createServer((req, res) => {
    void bodyOf(req).then((body) => {
      texts.push(body)
      res.setHeader('content-type', 'application/json').end('{}')
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: `${url}/v1/metrics` }),
    // Not by a clock: each test triggers the export.
    exportIntervalMillis: 2 ** 30,
    exportTimeoutMillis: 30_000,
  })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const spans = new BatchSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }))
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [spans] })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  onTestFinished(async () => {
    context.disable()
    await Promise.all([meterProvider.shutdown(), tracerProvider.shutdown()])
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const parsed = (): Sent[] => texts.map((text) => JSON.parse(text) as Sent)
  return {
    meterProvider,
    tracerProvider,
    /** Everything that was received, unchanged. */
    text: () => texts.join('\n'),
    /** The present metrics, each once. */
    metrics: async (): Promise<Map<string, SentMetric>> => {
      await meterProvider.forceFlush()
      const all = parsed()
        .flatMap(({ resourceMetrics = [] }) => resourceMetrics)
        .flatMap(({ scopeMetrics }) => scopeMetrics)
        .flatMap(({ metrics }) => metrics)
      return new Map(all.map((metric) => [metric.name, metric]))
    },
    spans: async (): Promise<SentSpan[]> => {
      await tracerProvider.forceFlush()
      return parsed()
        .flatMap(({ resourceSpans = [] }) => resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans)
        .flatMap(({ spans: sent }) => sent)
    },
  }
}

/** The attributes of a span, or of a point, as an object. */
export function plain(attributes: readonly Attribute[]): Record<string, string | number> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, Object.values(value)[0] as string | number]),
  )
}

/** The points of a metric, whatever kind it is. */
export function pointsOf(metric: SentMetric | undefined): readonly Point[] {
  const { sum, gauge, histogram } = metric ?? {}
  return (sum ?? gauge ?? histogram)?.dataPoints ?? []
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
