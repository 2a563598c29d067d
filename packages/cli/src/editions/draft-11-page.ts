import {
  closingSentences,
  isDecision,
  openingSentences,
  type PageText,
  type RecognizedMessage,
  trustRows,
} from './page-text.js'

/** Draft -11, on the page of a run. */
export const draft11Page: PageText = {
  edition: 'AAuth, draft -11',
  sentences: [
    ...openingSentences(
      'it signs the request with its private key, which it never sends, and says who it is in a token that it issued itself.',
    ),
    {
      text: 'The API refuses: here, an agent must act for a user. No one has asked a user yet.',
      at: (message) => message.to === 'agent' && message.from === 'resource' && message.status === 401,
    },
    {
      text: 'The agent asks its person server, the one that its token names. The person server verifies the agent’s signature, and returns a link and a code for the user.',
      at: ({ from, to, status, content }) =>
        from === 'auth-server' && to === 'agent' && status === 202 && content.includes('interaction'),
    },
    {
      text: 'The user signs in at the person server, compares the code with the one that the agent shows, and lets the agent act for them at this API.',
      at: isDecision,
    },
    {
      text: 'With that person token, the agent calls again. Now the API knows for whom, and returns a resource token: a signed note that says which permissions the agent’s key needs.',
      at: (message) =>
        message.to === 'agent' &&
        message.from === 'resource' &&
        message.status === 401 &&
        message.content.includes('resource-token'),
    },
    {
      text: 'The agent takes the note to the person server. The user reads which permissions it asks for, and allows them.',
      at: (message) => isCallTo(message, '/authorize'),
    },
    ...closingSentences('person server'),
  ],
  replay: 'Each request of the agent carries a nonce, so a copy of it is refused.',
  trust: trustRows('person server', {
    api: 'It accepts this one to say what its users allowed. The API verifies each token with the published key.',
    agent: 'Its owner chose it for their own user. Whatever an API says, the agent asks no other server.',
  }),
}

function isCallTo({ from, to, path, status }: RecognizedMessage, end: string): boolean {
  return from === 'agent' && to === 'auth-server' && status === undefined && path.endsWith(end)
}
