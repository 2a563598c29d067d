import { allowNetwork, type CommandRow, egressProxy, json } from './command-row.js'

/** Commands that show why a request is accepted or refused. */
export const debuggingCommands: readonly CommandRow[] = [
  {
    name: 'verify',
    about: 'verify the HTTP/1.1 request on standard input, step by step, and show its signature base',
    flags: {
      '--authority <host>': 'the authority that it was sent to; default: that of an identifier, or its Host',
      '--resource <id>': 'the resource that it was sent to: the audience of tokens',
      '--auth-server <id>': 'the auth server whose auth tokens are accepted',
      '--jwks <file>': 'look for keys in this file only, by kid',
      '--key <file>': { description: 'the signer’s key as a JWK; tokens are then not looked at', conflicts: ['jwks'] },
      '--now <seconds>': 'the time to judge by, in Unix seconds',
      '--allow-insecure-loopback': 'let keys be fetched by http from this machine',
      ...allowNetwork,
      ...egressProxy,
      ...json,
    },
    load: async () => (await import('../verify/verify-command.js')).verifyCommand,
  },
  {
    name: 'inspect',
    about: 'decode a token, or a signature or challenge header; nothing about it is checked but its form',
    subject: {
      name: '<value>',
      description: 'a JWT, a header value, or a whole “Name: value” line; - reads it from standard input',
    },
    flags: { ...json },
    load: async () => (await import('../inspect/inspect-command.js')).inspectCommand,
  },
  {
    name: 'sign',
    about: 'print a signed request as HTTP text, ready for verify; nothing is sent',
    subject: { name: '<url>', description: 'where the request goes' },
    flags: {
      '--method <name>': 'the method; default: GET, or POST with a body',
      '--header <line>': { description: 'a “Name: value” line; may be given several times', repeated: true },
      '--data <text>': { description: 'the body', conflicts: ['dataFile'] },
      '--data-file <file>': 'the body, from a file, byte for byte',
      '--key <file>': 'a private JWK, as keys generate writes it; default: a new key',
      '--scheme <name>': {
        description: 'how the key is found; default: what the flags imply, else hwk',
        choices: ['hwk', 'jwks', 'jwt'],
      },
      '--id <id>': 'jwks: the identifier that publishes the key',
      '--well-known <name>': {
        description: 'jwks: whose document names the key set; default: agent',
        choices: ['agent', 'resource', 'none'],
      },
      '--jwks-uri <url>': {
        description: 'jwks: the key set itself, without an identifier',
        conflicts: ['id', 'wellKnown'],
      },
      '--token <jwt>': 'jwt: the agent token or auth token',
      '--created <seconds>': 'the time of signing, in Unix seconds; default: now',
      '--encoding <name>': {
        description: 'of the bytes in Signature; default: base64',
        choices: ['base64', 'base64url'],
      },
      '--nonce <when>': {
        description: 'default: automatic, with all but GET, HEAD, OPTIONS',
        choices: ['automatic', 'never'],
      },
      '--curl': { description: 'print a curl command instead', conflicts: ['json'] },
      ...json,
    },
    load: async () => (await import('../sign/sign-command.js')).signCommand,
  },
]
