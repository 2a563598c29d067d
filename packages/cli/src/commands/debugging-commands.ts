import { allowNetwork, type CommandRow, egressProxy, json } from './command-row.js'

/** Commands that show why a request is accepted or refused. */
export const debuggingCommands: readonly CommandRow[] = [
  {
    name: 'verify',
    about: 'verify the HTTP/1.1 request on standard input, step by step, and show its signature base',
    flags: [
      {
        flags: '--authority <host>',
        description: 'the authority that it was sent to; default: that of an identifier, or its Host',
      },
      { flags: '--resource <id>', description: 'the resource that it was sent to: the audience of tokens' },
      { flags: '--auth-server <id>', description: 'the auth server whose auth tokens are accepted' },
      { flags: '--jwks <file>', description: 'look for keys in this file only, by kid' },
      {
        flags: '--key <file>',
        description: 'the signer’s key as a JWK; tokens are then not looked at',
        conflicts: ['jwks'],
      },
      { flags: '--now <seconds>', description: 'the time to judge by, in Unix seconds' },
      { flags: '--allow-insecure-loopback', description: 'let keys be fetched by http from this machine' },
      allowNetwork,
      egressProxy,
      json,
    ],
    load: async () => (await import('../verify/verify-command.js')).verifyCommand,
  },
  {
    name: 'inspect',
    about: 'decode a token, or a signature or challenge header; nothing about it is checked but its form',
    subject: {
      name: '<value>',
      description: 'a JWT, a header value, or a whole “Name: value” line; - reads it from standard input',
    },
    flags: [json],
    load: async () => (await import('../inspect/inspect-command.js')).inspectCommand,
  },
  {
    name: 'sign',
    about: 'print a signed request as HTTP text, ready for verify; nothing is sent',
    subject: { name: '<url>', description: 'where the request goes' },
    flags: [
      { flags: '--method <name>', description: 'the method; default: GET, or POST with a body' },
      { flags: '--header <line>', description: 'a “Name: value” line; may be given several times', repeated: true },
      { flags: '--data <text>', description: 'the body', conflicts: ['dataFile'] },
      { flags: '--data-file <file>', description: 'the body, from a file, byte for byte' },
      { flags: '--key <file>', description: 'a private JWK, as keys generate writes it; default: a new key' },
      {
        flags: '--scheme <name>',
        description: 'how the key is found; default: what the flags imply, else hwk',
        choices: ['hwk', 'jwks', 'jwt'],
      },
      { flags: '--id <id>', description: 'jwks: the identifier that publishes the key' },
      {
        flags: '--well-known <name>',
        description: 'jwks: whose document names the key set; default: agent',
        choices: ['agent', 'resource', 'none'],
      },
      {
        flags: '--jwks-uri <url>',
        description: 'jwks: the key set itself, without an identifier',
        conflicts: ['id', 'wellKnown'],
      },
      { flags: '--token <jwt>', description: 'jwt: the agent token or auth token' },
      { flags: '--created <seconds>', description: 'the time of signing, in Unix seconds; default: now' },
      {
        flags: '--encoding <name>',
        description: 'of the bytes in Signature; default: base64',
        choices: ['base64', 'base64url'],
      },
      {
        flags: '--nonce <when>',
        description: 'default: automatic, with all but GET, HEAD, OPTIONS',
        choices: ['automatic', 'never'],
      },
      { flags: '--curl', description: 'print a curl command instead', conflicts: ['json'] },
      json,
    ],
    load: async () => (await import('../sign/sign-command.js')).signCommand,
  },
]
