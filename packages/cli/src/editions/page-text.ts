/** A message of a run, as a sentence of the page recognizes it. */
export interface RecognizedMessage {
  from: string
  to: string
  path: string
  /** Undefined for a request. */
  status: number | undefined
  /** Whether it fetches a document or keys. */
  isDiscovery: boolean
  /** Its headers and body. */
  content: string
}

/** One of the nine sentences that describe the flow, shown at the message that it is about. */
export interface Sentence {
  text: string
  /** The first message for which this is true; a run without one lacks the sentence. */
  at: (message: RecognizedMessage) => boolean
}

/** A party that relies on another, and on what. */
export interface Trust {
  who: string
  whom: string
  why: string
}

/** What the page of a run says about an edition. */
export interface PageText {
  /** The edition's name. */
  readonly edition: string
  readonly sentences: readonly Sentence[]
  readonly trust: readonly Trust[]
  /** How often a copied request works, unchanged. */
  readonly replay: string
}

/** The user's browser submits the decision. */
export function isDecision({ from, to, status, content }: RecognizedMessage): boolean {
  return from === 'browser' && to === 'auth-server' && status === undefined && /\bconsent=/.test(content)
}

function isCall({ from, to, isDiscovery }: RecognizedMessage): boolean {
  return from === 'agent' && to === 'resource' && !isDiscovery
}

/** The first two sentences of every edition, which differ in how the agent identifies itself. */
export function openingSentences(identification: string): readonly Sentence[] {
  return [
    {
      text: `The agent calls the API. It has no password and no API key: ${identification}`,
      at: (message) => isCall(message) && message.status === undefined,
    },
    {
      text: 'The API fetches the agent’s public key from the agent’s own URL, and so knows who is calling. No one had to register.',
      at: ({ from, to, path, status }) =>
        from === 'resource' && to === 'agent' && path.endsWith('/jwks.json') && status === undefined,
    },
  ]
}

/** The last two sentences of every edition. */
export function closingSentences(server: string): readonly Sentence[] {
  return [
    {
      text: `The ${server} gives the agent an auth token. It states what the user allowed, and it contains the agent’s public key.`,
      at: ({ to, status, content }) => to === 'agent' && status === 200 && content.includes('"auth_token"'),
    },
    {
      text: `The agent calls again with the token, signed with the same key. The API checks two signatures: the ${server}’s on the token, and the agent’s on this request.`,
      at: (message) =>
        message.to === 'agent' && message.from === 'resource' && message.status === 200 && !message.isDiscovery,
    },
  ]
}

/** Who relies on whom, in every edition. `reasons` are why the API and the agent rely on the server. */
export function trustRows(server: string, reasons: { api: string; agent: string }): readonly Trust[] {
  return [
    { who: 'The user', whom: `the ${server}`, why: 'This is where they sign in. The agent never sees their password.' },
    { who: 'The API', whom: `the ${server}`, why: reasons.api },
    { who: 'The agent', whom: `the ${server}`, why: reasons.agent },
    {
      who: `The ${server}`,
      whom: 'the user’s decision',
      why: 'It trusts no agent. It shows the user which host is asking, which the agent’s signature proves.',
    },
  ]
}
