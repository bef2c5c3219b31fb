import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { ATTRIBUTES, INSTRUMENTS } from '../../src/telemetry/names.ts'

const folder = fileURLToPath(new URL('../../docs/monitoring/', import.meta.url))
const page = readFileSync(
  fileURLToPath(new URL('../../docs/monitoring.md', import.meta.url)),
  'utf8',
)
const read = (name: string): string => readFileSync(folder + name, 'utf8')

const DURATION = /^[0-9]+(?:s|m|h)$/

/** The format of Prometheus ("Alerting rules"). */
const Rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^[A-Z][A-Za-z]+$/),
          expr: z.string().min(1),
          for: z.string().regex(DURATION),
          labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.strictObject({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
})

/** The format of the Cloud Monitoring API (`AlertPolicy`, v3). */
const Policy = z.strictObject({
  displayName: z.string().max(512),
  userLabels: z.record(z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/), z.string()),
  documentation: z.strictObject({ mimeType: z.literal('text/markdown'), content: z.string() }),
  severity: z.enum(['CRITICAL', 'ERROR', 'WARNING']),
  combiner: z.enum(['AND', 'OR']),
  conditions: z
    .array(
      z.strictObject({
        displayName: z.string(),
        conditionPrometheusQueryLanguage: z.strictObject({
          query: z.string(),
          duration: z.string().regex(/^[0-9]+s$/),
          evaluationInterval: z.string().regex(/^[0-9]+s$/),
          alertRule: z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/),
          ruleGroup: z.string(),
        }),
      }),
    )
    .length(1),
  alertStrategy: z.strictObject({ autoClose: z.string().regex(/^[0-9]+s$/) }),
})

/** The format of the Cloud Monitoring API (`Dashboard`, v1). */
const Dashboard = z.strictObject({
  displayName: z.string(),
  mosaicLayout: z.strictObject({
    columns: z.literal(48),
    tiles: z.array(
      z.strictObject({
        xPos: z.number().int().max(47).optional(),
        yPos: z.number().int().optional(),
        width: z.number().int().min(1).max(48),
        height: z.number().int().min(1),
        widget: z.strictObject({
          title: z.string(),
          xyChart: z.strictObject({
            dataSets: z.array(
              z.strictObject({
                plotType: z.literal('LINE'),
                timeSeriesQuery: z.strictObject({ prometheusQuery: z.string() }),
              }),
            ),
            yAxis: z.strictObject({ scale: z.literal('LINEAR') }),
          }),
        }),
      }),
    ),
  }),
})

const rules = Rules.parse(parse(read('prometheus-rules.yaml'))).groups.flatMap(
  (group) => group.rules,
)
const policies = readdirSync(`${folder}alerts`).map((name) =>
  Policy.parse(JSON.parse(read(`alerts/${name}`))),
)
const tiles = Dashboard.parse(JSON.parse(read('dashboard.json'))).mosaicLayout.tiles
const charts = tiles.flatMap(({ widget }) =>
  widget.xyChart.dataSets.map(({ timeSeriesQuery }) => timeSeriesQuery.prometheusQuery),
)

/** The Prometheus name of an OTLP name and unit ("Prometheus and OpenMetrics Compatibility"). */
function seriesOf({ name, unit, kind }: { name: string; unit: string; kind: Kind }): string[] {
  const base = name.replaceAll('.', '_') + (unit === 's' ? '_seconds' : '')
  if (kind === 'counter') return [`${base}_total`]
  return kind === 'histogram' ? ['bucket', 'count', 'sum'].map((end) => `${base}_${end}`) : [base]
}

type Kind = 'counter' | 'histogram' | 'gauge'

/** The kind of each metric in the page's table, which another test compares with the code. */
function kindOf(name: string): Kind {
  const [, kind] =
    new RegExp(`^\\| \`${name}\` \\| (counter|histogram|gauge)`, 'm').exec(page) ?? []
  if (kind === undefined) throw new Error(`docs/monitoring.md does not name ${name}`)
  return kind as Kind
}

const SERIES = new Set(
  Object.values(INSTRUMENTS).flatMap(({ name, unit }) =>
    seriesOf({ name, unit, kind: kindOf(name) }),
  ),
)

const LABELS = new Set(Object.values(ATTRIBUTES).map((name) => name.replaceAll('.', '_')))

describe('the files in docs/monitoring', () => {
  it.each([...rules.map(({ expr }) => expr), ...charts])(
    'use only existing metrics and attributes: %s',
    (query) => {
      const names = query.match(/\b(?:viur_session|db_client)_[a-z_]+/g) ?? []
      const labels = [
        ...[...query.matchAll(/by \(([^)]+)\)/g)].flatMap(([, list = '']) => list.split(/, ?/)),
        ...[...query.matchAll(/\b([a-z_]+)(?:!=|=~|=)"/g)].map(([, label = '']) => label),
      ].filter((label) => label !== 'le')
      const asked = names.filter((name) => !labels.includes(name))
      expect(asked.length).toBeGreaterThan(0)
      for (const name of asked) expect(SERIES).toContain(name)
      for (const label of labels) expect(LABELS).toContain(label)
    },
  )

  it('hold the same alerts for Prometheus and for Cloud Monitoring', () => {
    const brief = (alert: string, query: string, seconds: number, severity: string) =>
      [alert, query, seconds, severity.toLowerCase()].join(' | ')
    const secondsOf = (text: string): number =>
      Number.parseInt(text, 10) * (text.endsWith('m') ? 60 : 1)
    expect(
      policies
        .map(({ conditions: [condition], severity }) => {
          const {
            alertRule = '',
            query = '',
            duration = '',
          } = condition?.conditionPrometheusQueryLanguage ?? {}
          return brief(alertRule, query, secondsOf(duration), severity)
        })
        .sort(),
    ).toEqual(
      rules
        .map((rule) => brief(rule.alert, rule.expr, secondsOf(rule.for), rule.labels.severity))
        .sort(),
    )
  })

  it('lay the tiles of the dashboard side by side', () => {
    const places = tiles.map(({ xPos = 0, yPos = 0, width }) => {
      expect(xPos + width).toBeLessThanOrEqual(48)
      return `${xPos},${yPos}`
    })
    expect(new Set(places).size).toBe(tiles.length)
  })
})

describe('docs/monitoring.md', () => {
  it('has advice for each alert', () => {
    expect([...page.matchAll(/^### (Session\w+)$/gm)].map(([, name]) => name).sort()).toEqual(
      rules.map(({ alert }) => alert).sort(),
    )
  })

  it('names every metric and every attribute', () => {
    for (const { name, unit } of Object.values(INSTRUMENTS)) {
      expect(page).toContain(`| \`${name}\` | ${kindOf(name)}${unit === 's' ? ', s' : ''} |`)
    }
    const inSpansOnly = [
      'viur_session.step',
      'db.operation.batch.size',
      'http.response.status_code',
    ]
    for (const name of Object.values(ATTRIBUTES)) {
      if (!inSpansOnly.includes(name)) expect(page).toContain(`\`${name}\``)
    }
  })
})
