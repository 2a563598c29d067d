import type { DelegateRequests } from 'countersign/delegate'
import { type DocumentType, endpointProblem, type NetworkOptions } from 'countersign/discovery'
import { type AgentMetadata, january } from 'countersign/editions'
import { CommandError, exitStatus } from '../command/errors.js'
import { checkIdentifier, type DocumentReport } from '../discover/check-identifier.js'
import { sentence } from '../discover/findings.js'
import { type ChosenEdition, editionOf } from '../editions/agent-editions.js'
import type { Terminal } from '../terminal/terminal.js'

/** The pages of an auth server at which users connect devices. */
export interface ConnectPages {
  /** Connects the device whose browser opens it. */
  device_authorization_uri: string
  /** Shows a code for a device without a browser; undefined if the auth server does not allow this. */
  device_code_uri?: string
}

/** A device that is being connected. */
export interface Connecting {
  issuer: string
  /** The device's name, as its owner will see it. */
  name: string
  thumbprint: string
  pages: ConnectPages
  requests: DelegateRequests
  terminal: Terminal
  /** Aborts when the command is asked to stop, or when its time is up. */
  signal: AbortSignal
}

/** The document of a personal agent, which names the pages for devices in January's form whatever the edition. */
const personalAgents = {
  ...january.documents.agent,
  members: { ...january.documents.agent.members, device_authorization_uri: 'url', device_code_uri: 'url' },
} as DocumentType<AgentMetadata & ConnectPages>

/** An auth server, and the edition that the device is to speak. */
interface ConnectOptions extends ChosenEdition {
  issuer: string
}

/**
 * Finds the pages at which an auth server connects devices.
 *
 * @throws CommandError if there are none, or none for this edition, or if the auth server does not respond
 */
export async function findConnectPages(
  { issuer, edition }: ConnectOptions,
  network: NetworkOptions,
): Promise<ConnectPages> {
  const { agent } = editionOf({ edition }).documents
  const types = agent.name === personalAgents.name ? [personalAgents] : [personalAgents, agent]
  const kinds = types.map((type) => ({ party: 'agent', type, endpoints: [], advised: [] }))
  const options = { ...network, configuredOrigin: new URL(issuer).origin }
  const { documents } = await checkIdentifier(issuer, options, () => undefined, kinds)
  const [ofOwner, ofEdition = ofOwner] = documents as [DocumentReport, DocumentReport?]
  requireResponse(ofOwner)
  requireResponse(ofEdition)
  const { device_authorization_uri, device_code_uri } = (ofOwner.document ?? {}) as Partial<ConnectPages>
  if (device_authorization_uri === undefined)
    throw new CommandError(
      `${issuer} does not connect devices: its operator has not turned on personalAgents. Ask them to, or create your own agent on a web host with countersign agent init.`,
    )
  if (ofEdition.outcome !== 'ok')
    throw new CommandError(
      `${issuer} connects no devices that speak ${edition}: ask its operator to turn on this edition, too, or leave out --edition.`,
    )
  const pages: ConnectPages = { device_authorization_uri, ...(device_code_uri !== undefined && { device_code_uri }) }
  for (const [member, url] of Object.entries(pages))
    if (endpointProblem(issuer, member, url) !== undefined)
      throw new CommandError(`The ${member} of ${issuer} is at another origin, so it is not used: ${url}`)
  return pages
}

/** @throws CommandError if a document was unreachable or refused, with what to do about it */
function requireResponse({ outcome, findings }: DocumentReport): void {
  if (outcome !== 'unreachable' && outcome !== 'refused') return
  const exitCode = outcome === 'unreachable' ? exitStatus.network : exitStatus.refused
  throw new CommandError(findings.map(({ what, fix }) => `${sentence(what)} ${fix}`).join(' '), { exitCode })
}
