import { cleanName } from '../../lib/plain-text.js'
import type { Messages } from '../messages/messages.js'
import type { ConsentPage } from '../models/models.js'

const triangle = 'M12 3.5 22 20.5H2L12 3.5ZM12 10v4.5M12 17.4v.1'

const paths = {
  read: 'M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12Zm10 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z',
  change: 'M4 20l.9-4L16 4.9a2.1 2.1 0 0 1 3 0l.1.1a2.1 2.1 0 0 1 0 3L8 19.1 4 20ZM14 7l3 3',
  delete: 'M4 7h16M9.5 7V4.5h5V7M6 7l1 13h10l1-13M10 11v5.5M14 11v5.5',
  spend: 'M3 6h18v12.5H3V6ZM3 10h18M7 15h3.5',
  control: triangle,
  caution: triangle,
  shield: 'M12 2.5l7.5 3v6c0 4.7-3 8.2-7.5 10-4.5-1.8-7.5-5.3-7.5-10v-6L12 2.5ZM8.5 12l2.5 2.5 4.7-5',
  notice: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 11v5.5M12 7.6v.1',
  yes: 'M5 12.5l4.7 4.7L19 7.5',
  no: 'M6 6l12 12M18 6L6 18',
  device: 'M4 5h16v11H4V5ZM9.5 20h5M12 16v4',
  address:
    'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM3.3 12h17.4M12 3c2.6 2.6 3.9 5.6 3.9 9s-1.3 6.4-3.9 9c-2.6-2.6-3.9-5.6-3.9-9S9.4 5.6 12 3Z',
  lock: 'M6 11h12v9H6v-9ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  key: 'M8 15.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 11.5h9.5M18.5 11.5v3.5M15 11.5v2.5',
}

/** Icons that accompany words and never replace them. */
export type IconName = keyof typeof paths

/** A decorative line drawing in the color of the surrounding text. */
export function Icon(props: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d={paths[props.name]} />
    </svg>
  )
}

/** Maximum length of a host that is kept on one line if there is room. */
const WHOLE = 28

/** The method and URL of one call. */
export function CallText({ text }: { text: string | undefined }) {
  return (
    <code class="host" dir="ltr">
      {text}
    </code>
  )
}

/** An address to be read character by character: isolated and in bold. A long address breaks at its slashes and dots. */
export function Host(props: { children: string }) {
  const address = props.children
  if (address.length <= WHOLE) return <bdi class="host whole">{address}</bdi>
  const [host = ''] = address.split('/')
  const [first, ...rest] = address.split(host.length > WHOLE ? /(?=\/)|(?<=\.)/ : /(?=\/)/)
  return (
    <bdi class="host">
      {first}
      {rest.map((part) => (
        <>
          <wbr />
          {part}
        </>
      ))}
    </bdi>
  )
}

/**
 * Returns the host and, if the identifier has one, the path: `https://host/~evil` must not read as `host` (W10). Anything that is not a URL
 * is returned unchanged.
 */
export function displayHost(identifier: string): string {
  return identifier.replace(/^https?:\/\//, '')
}

/** Host and path of a redirect URI. An app's scheme is shown first, because what follows is not a host on the web. */
export function displayRedirect(redirectUri: string): string {
  const { protocol, host, pathname } = new URL(redirectUri)
  if (!/^https?:$/.test(protocol) && host !== '') return `${protocol}//${host}${pathname}`
  return (host === '' ? protocol : host) + (pathname === '/' ? '' : pathname)
}

interface Mark {
  host: string
  logo?: string | undefined
}

/**
 * The logo as served by this server, or the first letter of the verified host; never a letter of the name, which no one has verified. A
 * symbol is shown if the host has no meaningful letter, as with an IP address or a host in `xn--` form.
 */
export function AgentMark({ host, logo }: Mark) {
  return isSameOriginPath(logo) ? (
    <img class="logo" src={logo} alt="" width="48" height="48" />
  ) : (
    <span class="initial" data-hue={hueOf(host)} aria-hidden="true">
      {initialOf(host) ?? <Icon name="address" />}
    </span>
  )
}

/** How many colors the tiles of hosts have; see `data-hue` in the style sheet. */
const HUES = 6

/** Spreads hosts over the colors of tiles. */
function hueOf(host: string): number {
  let sum = 0
  for (let at = 0; at < host.length; at++) sum = (sum * 31 + host.charCodeAt(at)) % 9973
  return sum % HUES
}

/** The agent, and the resource that it asks for; only the agent if it is its own resource. */
export function Pair({ model }: { model: ConsentPage }) {
  const { agent, resource, agentHost, resourceHost, logo, ownDevice } = model
  return (
    <div class="pair" aria-hidden="true">
      {ownDevice ? (
        <span class="initial" data-hue="0">
          <Icon name="device" />
        </span>
      ) : (
        <AgentMark host={agentHost} logo={logo} />
      )}
      {agent !== resource && (
        <>
          <span class="between">
            <Icon name="lock" />
          </span>
          <AgentMark host={resourceHost} />
        </>
      )}
    </div>
  )
}

function initialOf(host: string): string | undefined {
  return /^(?!xn--)(?![\d.]+(?:[:/]|$))[a-z\d]/i.exec(host)?.[0].toUpperCase()
}

/** Who sends a request: the agent's host or, if others share the host, its id; for the user's own device, its name. */
export function Asker(props: { model: ConsentPage; id?: string | undefined; messages: Messages }) {
  const { model, id, messages } = props
  if (model.ownDevice) return <DelegateName delegate={model.ownDevice.name} messages={messages} />
  return <Host>{id ?? model.agentHost}</Host>
}

/** A browser treats `//host` and `/\\host` as another origin (attacks K31). */
function isSameOriginPath(address: string | undefined): address is string {
  return address !== undefined && /^\/(?![/\\])/.test(address)
}

/** Whether a delegate is named by a scheme and its agent's host, as in `aauth:bot@agent.example`: the name of an agent, not of a copy. */
export function isFullName(delegate: string, host: string): boolean {
  return /^[a-z]+:/.test(delegate) && delegate.endsWith(`@${host}`)
}

/** An agent's host and, for a delegate, the name that the agent gave it, in quotation marks. */
export function AgentDelegate(props: { host: string; delegate: string | undefined; messages: Messages }) {
  const { host, delegate, messages } = props
  if (delegate === undefined) return <Host>{host}</Host>
  if (isFullName(delegate, host))
    return (
      <>
        <Host>{host}</Host> <DelegateName delegate={delegate} messages={messages} />
      </>
    )
  return <>{messages.copyOf(<Host>{host}</Host>, <DelegateName delegate={delegate} messages={messages} />)}</>
}

/** The name that an agent gave a delegate, in quotation marks. */
export function DelegateName({ delegate, messages }: { delegate: string; messages: Messages }) {
  return <span class="copy">{messages.quoted(<bdi>{cleanName(delegate) || '?'}</bdi>)}</span>
}
