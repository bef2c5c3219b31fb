import { GUEST_USER } from '../../record/record.ts'
import type { SessionInfo } from '../../record/info.ts'
import type { RunInfo, Status } from '../../sweep/status.ts'
import type { Operator } from './access.ts'
import { backlogChart, runChart } from './charts.ts'
import type { Counters } from './counters.ts'
import { type Html, type HtmlValue, html } from './html.ts'
import { fieldText, shownDuration, shownNumber, shownText, shownTime } from './shown-text.ts'

/** The parts that every page has: the operator, and the security key of its forms, `null` when it has none. */
export interface PageParts {
  readonly operator: Operator
  readonly skey: string | null
  readonly now: number
}

/** One value of a session: its size, and the value itself when it may be shown. */
export interface ShownValue {
  readonly name: string
  /** In bytes, as JSON; `null` when this process cannot read it. */
  readonly size: number | null
  /** As JSON; `null` when it must not be shown. */
  readonly text: string | null
}

/** Texts of the notice after an action. */
export const NOTICES: ReadonlyMap<string, string> = new Map([
  ['ended', 'The session has ended.'],
  ['ended-before', 'The session had ended before.'],
  ['all-ended', 'The sessions of the user have ended.'],
  ['ending-all', 'The sessions of the user are being ended; the rest is carried on by tasks.'],
  ['swept', 'The sweep has finished.'],
  ['sweeping', 'The sweep has been started, and goes on.'],
  ['sweeping-already', 'A sweep was under way, and goes on.'],
  ['sweep-failed', 'The sweep has failed; see its run below.'],
])

/** Encodes a user for a link or a form. Forms would change line breaks in the name. */
export function userWord(user: string): string {
  return Buffer.from(user).toString('base64url')
}

function layout(title: string, { operator }: Pick<PageParts, 'operator'>, body: Html): Html {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · sessions</title><link rel="stylesheet" href="style.css"></head>
<body><header><h1>${title}</h1><p><a href="./">Overview</a> · ${shownText(operator.name)}, ${operator.mayAct ? 'may act' : 'may look'}</p></header>
<main>${body}</main></body></html>
`
}

/** Makes a form with its security key; `null` for an operator who may only look. */
function actionForm({ skey }: PageParts, action: string, fields: HtmlValue): Html | null {
  if (skey === null) return null
  return html`<form method="post" action="${action}"><input type="hidden" name="skey" value="${skey}">${fields}</form>`
}

export function overviewPage(
  parts: PageParts,
  status: Status,
  counters: Counters,
  notice: string | null,
): Html {
  const { backlog, backlogIsMore, oldestExpired, lastSweep, runs, warnings, store } = status
  const ago = (time: Date | null): string =>
    time === null ? '–' : shownDuration(parts.now - time.getTime())
  const isRunning = lastSweep?.state === 'running'
  return layout(
    'Overview',
    parts,
    html`${noticeSection(notice)}
${warnings.length > 0 && html`<section class="note"><h2>Warnings</h2><ul>${warnings.map((one) => html`<li>${shownText(one, 1000)}</li>`)}</ul></section>`}
<section><h2>Sweep</h2><dl class="tiles">
<div><dt>Store</dt><dd class="${store === 'reachable' ? '' : 'bad'}">${store}</dd></div>
<div><dt>Backlog</dt><dd>${shownNumber(backlog)}${backlogIsMore && ' or more'}</dd></div>
<div><dt>Oldest expired</dt><dd>${ago(oldestExpired)}</dd></div>
<div><dt>Last sweep</dt><dd>${lastSweep === null ? 'never' : lastSweep.state}</dd></div>
<div><dt>It began</dt><dd>${ago(lastSweep?.started ?? null)}</dd></div></dl>
${isRunning && progressOf(lastSweep, backlog)}
${backlogChart(counters.backlogs)}
${actionForm(parts, 'sweep', html`<button>Start a sweep</button>`)}</section>
<div class="pair">
<section><h2>Find sessions</h2>
<form method="get" action="sessions"><label>User<input name="user" required maxlength="1500" autocomplete="off"></label><button>Find</button></form>
<form method="get" action="session"><label>Key of a session<input name="key" required maxlength="43" autocomplete="off"></label><button>Show</button></form>
<p class="soft"><a href="sessions?u=${userWord(GUEST_USER)}">Sessions of guests</a></p></section>
<section><h2>Counted by this process</h2><p class="soft">Since ${shownTime(counters.since)} UTC. Other processes count for themselves.</p>
<div class="pair"><div><h3 class="soft">Ends by reason</h3>${countList(counters.ends)}</div><div><h3 class="soft">Troubles</h3>${countList(counters.troubles)}</div></div></section></div>
<section><h2>Runs</h2>${runs.length === 0 ? html`<p class="soft">None yet.</p>` : html`${runChart(runs)}${runTable(runs)}`}</section>`,
  )
}

function noticeSection(notice: string | null): Html | null {
  return notice === null
    ? null
    : html`<section class="note" role="status"><p>${notice}</p></section>`
}

function progressOf({ scanned }: RunInfo, backlog: number): Html {
  return html`<p><label>Progress of the sweep: ${shownNumber(scanned)} of about ${shownNumber(scanned + backlog)}<progress max="${Math.max(1, scanned + backlog)}" value="${scanned}"></progress></label></p>`
}

function countList(counts: ReadonlyMap<string, number>): Html {
  if (counts.size === 0) return html`<p class="soft">None.</p>`
  return html`<dl class="list">${[...counts].map(([name, count]) => html`<dt>${name}</dt><dd class="figure">${shownNumber(count)}</dd>`)}</dl>`
}

function runTable(runs: readonly RunInfo[]): Html {
  return html`<div class="scroll" role="region" aria-label="Runs" tabindex="0"><table><thead><tr><th scope="col">Iterator</th><th scope="col">State</th><th scope="col">Started</th><th scope="col" class="figure">Steps</th><th scope="col" class="figure">Scanned</th><th scope="col" class="figure">Ended</th><th scope="col" class="figure">Failed</th><th scope="col" class="figure">Keys</th><th scope="col">Error</th></tr></thead>
<tbody>${runs.map(
    (run) =>
      html`<tr><td>${shownText(run.iterator)}</td><td>${run.state}</td><td>${shownTime(run.started)}</td><td class="figure">${run.steps}</td><td class="figure">${shownNumber(run.scanned)}</td><td class="figure">${shownNumber(run.ended)}</td><td class="figure">${shownNumber(run.failed)}</td><td class="figure">${shownNumber(run.securityKeys)}</td><td class="wide">${run.error !== null && shownText(run.error)}</td></tr>`,
  )}</tbody></table></div>`
}

export function userPage(
  parts: PageParts,
  user: string,
  sessions: readonly SessionInfo[],
  isMore: boolean,
  notice: string | null,
): Html {
  const isGuest = user === GUEST_USER
  const whose = isGuest ? html`guests` : shownText(user)
  return layout(
    'Sessions of a user',
    parts,
    html`${noticeSection(notice)}<section><h2>${whose}</h2>
<p class="soft">${sessions.length === 0 ? 'No session is alive.' : `${sessions.length} session${sessions.length === 1 ? '' : 's'}${isMore ? ' shown; there are more' : ''}.`}</p>
${
  sessions.length > 0 &&
  html`<div class="scroll" role="region" aria-label="Sessions" tabindex="0"><table><thead><tr><th scope="col">Key</th><th scope="col">Created</th><th scope="col">Last seen</th><th scope="col">Expires</th><th scope="col">Client</th></tr></thead>
<tbody>${sessions.map(
    ({ key, created, lastSeen, expires, client }) =>
      html`<tr><td><a class="key-name" href="session?key=${key}">${key.slice(0, 12)}…</a></td><td>${shownTime(created)}</td><td>${shownTime(lastSeen)}</td><td>${shownTime(expires)}</td><td class="wide">${clientText(client)}</td></tr>`,
  )}</tbody></table></div>`
}
${!isGuest && actionForm(parts, 'end-user', html`<input type="hidden" name="u" value="${userWord(user)}"><label class="check"><input type="checkbox" name="sure" value="yes" required> I am sure</label><button class="danger">End all sessions of this user</button>`)}</section>`,
  )
}

function clientText(client: SessionInfo['client']): HtmlValue {
  const { agent, address } = client ?? {}
  return [agent, address]
    .filter((text) => text !== undefined)
    .map((text) => html`${shownText(text)} `)
}

export function sessionPage(
  parts: PageParts,
  info: SessionInfo,
  scope: string | null,
  values: readonly ShownValue[],
): Html {
  const { key, user, created, lastSeen, expires, client } = info
  const areShown = values.some(({ text }) => text !== null)
  return layout(
    'Session',
    parts,
    html`<section><h2 class="key-name">${key}</h2><dl class="list">
<dt>User</dt><dd><a href="sessions?u=${userWord(user)}">${user === GUEST_USER ? 'guest' : shownText(user)}</a></dd>
<dt>Created</dt><dd>${shownTime(created)}</dd><dt>Last seen</dt><dd>${shownTime(lastSeen)}</dd><dt>Expires</dt><dd>${shownTime(expires)}</dd>
${client !== undefined && html`<dt>Client</dt><dd>${clientText(client)}</dd>`}</dl>
${actionForm(parts, 'end', html`<input type="hidden" name="key" value="${key}"><button class="danger">End this session</button>`)}</section>
<section><h2>Data${scope !== null && html` of the scope ${shownText(scope)}`}</h2>
${
  values.length === 0
    ? html`<p class="soft">Nothing is stored here.</p>`
    : html`<div class="scroll" role="region" aria-label="Data" tabindex="0"><table><thead><tr><th scope="col">Key</th><th scope="col" class="figure">Bytes as JSON</th>${areShown && html`<th scope="col">Value</th>`}</tr></thead><tbody>${values.map(
        ({ name, size, text }) =>
          html`<tr><td>${shownText(name)}</td><td class="figure">${size === null ? 'unreadable' : shownNumber(size)}</td>${areShown && html`<td class="wide">${text !== null && html`<code>${shownText(text, 5000)}</code>`}</td>`}</tr>`,
      )}</tbody></table></div>`
}
<form method="get" action="session"><input type="hidden" name="key" value="${key}"><label>Scope<input name="scope" maxlength="200" autocomplete="off" value="${fieldText(scope ?? '')}"></label><button>Show this scope</button></form></section>`,
  )
}

export function messagePage(parts: Pick<PageParts, 'operator'>, title: string, text: string): Html {
  return layout(title, parts, html`<section><p>${shownText(text, 1000)}</p></section>`)
}
