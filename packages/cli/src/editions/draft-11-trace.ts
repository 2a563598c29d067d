import {
  parseRequirement,
  type Requirement,
  requirementHeader,
  signatureErrorHeader,
} from 'countersign/editions/draft-11'
import type { TraceForm } from './trace-form.js'

/** What the agent does about each requirement. */
export const moves: Readonly<Record<Requirement['requirement'], string>> = {
  'agent-token': 'The agent repeats the request, signed with its agent token.',
  'person-token':
    'The agent gets a person token for this resource from its person server, and repeats the request with it.',
  'auth-token':
    'The agent exchanges the resource token for an auth token at its person server, and repeats the request with it.',
  interaction: 'The user opens url?code=…, and the agent polls the URL in Location until they have decided.',
  approval: 'The agent polls the URL in Location: someone else decides.',
  unknown: 'This requirement is not defined, so no agent can satisfy it.',
}

/** Frames of up to 80 columns. Tokens are shortened, because they are decoded below. */
export const draft11Trace: TraceForm = {
  serverName: 'person server',
  columns: 80,
  prettyBodies: true,
  shortenHeader: (value) => value,
  // Tokens, and values of queries that only their server reads.
  shortenLine: (line) =>
    line
      .replaceAll(/eyJ[\w-]{20,}(?:\.[\w-]*)*/g, (token) => `${token.slice(0, 20)}...`)
      .replaceAll(/([?&]request=)([\w-]{12})[\w-]{12,}/g, '$1$2...'),
  describeHeader(name, value, status) {
    if (name === requirementHeader) {
      const required = parseRequirement(value)
      return required ? moves[required.requirement] : 'This requirement is malformed, so no agent can satisfy it.'
    }
    if (name === 'location' && status === 202) return 'The agent polls this URL.'
    if (name === 'prefer' && value.startsWith('wait='))
      return 'The server may wait this many seconds for the user before it responds.'
    return undefined
  },
  reasons: (header) => [header(signatureErrorHeader)],
  describePage(html) {
    const [, code] = /class="large-code"[^>]*>[\s\S]{0,200}?<bdi>([^<]{1,40})<\/bdi>/.exec(html) ?? []
    return code === undefined ? undefined : `The page shows the code ${code}.`
  },
  afterConsent: ['Until you decide, the agent polls the person server.'],
}
