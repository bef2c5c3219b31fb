import type { SessionInfo } from '../../index.ts'
import { type Html, html } from '../../express/console/html.ts'
import type { Looks } from '../looks.ts'
import type { Notice } from '../session-data.ts'
import type { DemoUser } from '../users.ts'
import { code } from './code.ts'
import { deviceName } from './device-name.ts'
import { timeElement } from './format.ts'
import { page } from './layout.ts'
import { noticeBox } from './notice.ts'
import type { Texts } from './texts-en.ts'
import { textsIn } from './texts-in.ts'

export interface DevicesView extends Looks {
  readonly user: DemoUser
  /** The sessions of the user, in the order of the page. */
  readonly devices: readonly SessionInfo[]
  /** The key of this session. */
  readonly current: string | null
  /** Whether the login is recent enough to end sessions at once. */
  readonly isFresh: boolean
  readonly notice: Notice | null
  readonly now: number
  /** The origin of the app, for the example of a native client. */
  readonly origin: string
}

/** The page that shows users where they are signed in. */
export function devicesPage(view: DevicesView): string {
  const { language, user, notice, current, origin } = view
  const texts = textsIn(language)
  const { title, lead, native, nativeHint } = texts.devices
  return page(
    { ...view, title },
    html`<div class="narrow">
<div class="intro">
<h1>${title}</h1>
<p class="lead">${lead(user.name)}</p>
</div>
${noticeBox(notice, current, texts)}
${listCard(view, texts)}
<section class="card" aria-labelledby="native-heading">
<h2 id="native-heading">${native}</h2>
<p class="hint">${nativeHint}</p>
${example(origin)}
${code('native')}
</section>
</div>`,
  )
}

function listCard(view: DevicesView, texts: Texts): Html {
  const { devices, current, isFresh } = view
  const labels = texts.devices
  const others = devices.some(({ key }) => key !== current)
  return html`<section class="card" id="devices" aria-labelledby="devices-heading">
<h2 id="devices-heading">${labels.list} <span class="badge">${devices.length}</span></h2>
<p class="hint" id="freshness">${isFresh ? labels.fresh : labels.stale}</p>
<ul class="devices">${devices.map((info) => device(info, view, texts))}</ul>
${
  others
    ? html`<form class="buttons" method="post" action="/devices/end-others">
<button class="button danger" aria-describedby="end-others-hint">${labels.endOthers}</button>
<p class="hint" id="end-others-hint">${labels.endOthersHint}</p>
</form>`
    : html`<p class="hint">${labels.noOthers}</p>`
}
${code('devices')}
${code('endOne')}
</section>`
}

function device(
  { key, client, created, lastSeen }: SessionInfo,
  { current, now, language }: DevicesView,
  texts: Texts,
): Html {
  const isCurrent = key === current
  const { devices: labels, account } = texts
  const name = deviceName(client?.agent, texts)
  return html`<li class="device">
<h3>${name}${isCurrent && html` <span class="badge" id="current-device">${labels.current}</span>`}</h3>
${
  isCurrent
    ? html`<form method="post" action="/logout"><button class="button">${account.signOut}</button></form>`
    : html`<form method="post" action="/devices/end"><button class="button danger" name="key" value="${key}" aria-label="${labels.endThis(name)}">${labels.end}</button></form>`
}
<dl>
<div><dt>${labels.signedIn}</dt><dd>${timeElement(created, now, language)}</dd></div>
<div><dt>${labels.lastSeen}</dt><dd>${timeElement(lastSeen, now, language)}</dd></div>
${client?.address !== undefined && html`<div><dt>${labels.address} (${labels.addressHint})</dt><dd><code>${client.address}</code></dd></div>`}
</dl>
${client?.agent !== undefined && html`<details><summary>${labels.agent}</summary><code>${client.agent}</code></details>`}
</li>
`
}

function example(origin: string): Html {
  const json = "-H 'Content-Type: application/json'"
  const key = "-H 'Sec-X-ViUR-StaticSessionKey: …'"
  return html`<pre class="code">curl -i -c jar ${json} -d '{"user":"ada"}' ${origin}/api/login

curl -b jar ${json} ${key} -d '{"name":"Coffee"}' ${origin}/api/cart</pre>`
}
