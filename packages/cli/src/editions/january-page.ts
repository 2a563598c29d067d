import { closingSentences, isDecision, openingSentences, type PageText, trustRows } from './page-text.js'

/** January 2026, on the page of a run. */
export const januaryPage: PageText = {
  edition: 'AAuth of January 2026',
  sentences: [
    ...openingSentences('it signs the request with its private key, which it never sends.'),
    {
      text: 'The API refuses, and returns a resource token: a signed note that says which agent, with which key, needs which permissions.',
      at: (message) => message.to === 'agent' && message.from === 'resource' && message.status === 401,
    },
    {
      text: 'The agent takes the note to the auth server that the API named, in a signed request. It accepts only auth servers that its owner listed.',
      at: ({ from, to, status, content }) =>
        from === 'agent' && to === 'auth-server' && status === undefined && content.includes('resource_token='),
    },
    {
      text: 'The auth server checks both signatures, the agent’s and the API’s, and returns a link for the user.',
      at: ({ from, to, status, content }) =>
        from === 'auth-server' && to === 'agent' && status === 200 && content.includes('"request_token"'),
    },
    {
      text: 'The user signs in at the auth server, reads which agent wants what, and allows it.',
      at: isDecision,
    },
    {
      text: 'The browser returns to the agent with a code that works once, and only for a request that this agent signs.',
      at: ({ from, to, path }) => from === 'browser' && to === 'agent' && path.includes('code='),
    },
    ...closingSentences('auth server'),
  ],
  replay:
    'A request that changes something carries a nonce, so a copy of it is refused. A copied GET would work again for 60 seconds, unchanged.',
  trust: trustRows('auth server', {
    api: 'Its owner chose this one to say what users allowed. The API verifies each token with the published key.',
    agent: 'Its owner listed it. The agent sends no user to any other server, whatever an API says.',
  }),
}
