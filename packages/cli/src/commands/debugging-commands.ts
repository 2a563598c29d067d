import { allowNetwork, type CommandRow, curlRequest, editionFlag, egressProxy, json } from './command-row.js'

/** Commands that show why a request is accepted or refused. */
export const debuggingCommands: readonly CommandRow[] = [
  {
    name: 'verify',
    about: 'Verify the HTTP/1.1 request on standard input, step by step, and show its signature base',
    example: 'verify --resource https://api.example < request.http',
    page: 'Troubleshooting an API',
    flags: {
      ...editionFlag('The edition of AAuth that the request must follow'),
      '--authority <host>':
        'The authority to which the request was sent; default: the authority of --resource, otherwise the Host header',
      '--resource <id>': 'The resource to which the request was sent: the expected audience of its tokens',
      '--auth-server <id>': 'The auth server whose auth tokens are accepted',
      '--jwks <file>': 'Look up keys in this file only, by kid',
      '--key <file>': { description: "The signer's public key as a JWK; tokens are then ignored", conflicts: ['jwks'] },
      '--at <seconds>': 'The time at which to verify, in Unix seconds',
      '--allow-insecure-loopback': 'Allow keys to be fetched over http from this machine',
      ...allowNetwork,
      ...egressProxy,
      ...json,
    },
    load: async () => (await import('../verify/verify-command.js')).verifyCommand,
  },
  {
    name: 'inspect',
    about: 'Decode a token, or a signature or challenge header; only its syntax is checked',
    example: `inspect 'sig1=("@method" "@path");created=1769900000'`,
    page: 'Troubleshooting an API',
    subjects: [
      {
        name: '<value>',
        description: 'A JWT, a header value, or a whole "Name: value" line; - reads it from standard input',
      },
    ],
    flags: { ...json },
    load: async () => (await import('../inspect/inspect-command.js')).inspectCommand,
  },
  {
    name: 'trace',
    about: 'Show a recorded run, message by message, as text or as a page with a sequence diagram',
    example: 'trace run.json --html > run.html',
    page: 'Try the demo',
    subjects: [{ name: '<file>', description: 'What demo --json printed; - reads it from standard input' }],
    flags: {
      '--html': 'Print one HTML file that explains each message',
      '--secrets': 'Keep codes, signatures of tokens, claims about the user, and data; default: they are removed',
      ...editionFlag('The edition of AAuth', 'the one in which the requests are signed'),
    },
    load: async () => (await import('../trace-page/trace-command.js')).traceCommand,
  },
  {
    name: 'sign',
    about: 'Print a signed request as HTTP text, ready for verify; nothing is sent',
    example: 'sign https://api.example/events > request.http',
    page: 'Test your API and your agent',
    subjects: [{ name: '<url>', description: 'The URL of the request' }],
    flags: {
      ...curlRequest,
      ...editionFlag('The edition of AAuth in which to sign'),
      '--key <file>': 'File with a private JWK, as written by agent keys generate; default: a new key',
      '--scheme <name>': {
        description: 'How verifiers find the key; default: the scheme implied by the other flags, otherwise hwk',
        choices: ['hwk', 'jwks', 'jwt'],
      },
      '--id <id>':
        'With jwks: the identifier under which the key is published; in editions without jwks: the agent that issues its own token',
      '--well-known <name>': {
        description: 'With jwks: the document that contains the URL of the key set; default: agent',
        choices: ['agent', 'resource', 'none'],
      },
      '--jwks-uri <url>': {
        description: 'With jwks: the URL of the key set itself, without an identifier',
        conflicts: ['id', 'wellKnown'],
      },
      '--token <jwt>': 'With jwt: the token that is bound to the key',
      '--created <seconds>': 'The time of signing, in Unix seconds; default: now',
      '--encoding <name>': {
        description: 'Encoding of the bytes in Signature; default: base64',
        choices: ['base64', 'base64url'],
      },
      '--nonce <when>': {
        description: 'When to add a nonce; default: automatic, for all methods except GET, HEAD and OPTIONS',
        choices: ['automatic', 'never'],
      },
      '--curl': { description: 'Print a curl command instead', conflicts: ['json'] },
      ...json,
    },
    load: async () => (await import('../sign/sign-command.js')).signCommand,
  },
  {
    name: 'discover',
    about: 'Fetch and check the documents and keys published under an identifier',
    example: 'discover https://agent.example',
    page: 'Troubleshoot an agent',
    subjects: [
      {
        name: '<identifier>',
        description: 'The identifier of an agent, a resource or an auth server, such as https://agent.example',
      },
    ],
    flags: {
      ...editionFlag('The edition of AAuth whose documents are checked'),
      ...allowNetwork,
      ...egressProxy,
      ...json,
    },
    load: async () => (await import('../discover/discover-command.js')).discoverCommand,
  },
]
