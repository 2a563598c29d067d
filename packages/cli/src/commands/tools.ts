import type { Algorithm } from 'countersign'
import type { DemoParty } from '../demo/demo-world.js'
import type { CommandRow, Flag } from './command-row.js'

const json: Flag = { flags: '--json', description: 'print one JSON document' }

const allowNetwork: Flag = {
  flags: '--allow-network <network>',
  description: 'a private network to fetch from: CIDR, CIDR=HOST or CIDR=HOST:PORT; may be given several times',
  repeated: true,
}

const egressProxy: Flag = {
  flags: '--egress-proxy <url>',
  description: 'the HTTP proxy to fetch by, where there is no direct way out',
}

const interop: Flag = {
  flags: '--interop',
  description: 'get along with peers that speak an older form of the protocol',
}

/** For commands that act as the command line's own agent. */
const agent: Flag = {
  flags: '--agent <folder>',
  description: 'the folder of the agent; default: COUNTERSIGN_HOME, or countersign among your settings',
}

/** For whoever writes agents and resources, in the order that help shows them. */
export const tools: readonly CommandRow[] = [
  {
    name: 'demo',
    about: 'run agent, resource and auth server on this machine and show every message of the flow',
    flags: [
      { flags: '--json', description: 'print one JSON document instead of frames', conflicts: ['quiet'] },
      { flags: '--quiet', description: 'print only the result' },
      { flags: '--deny', description: 'let the scripted person refuse', conflicts: ['browser', 'serve'] },
      { flags: '--browser', description: 'decide yourself, in your browser', conflicts: ['serve'] },
      { flags: '--db <file>', description: 'keep the auth server’s SQLite database in this file' },
      { flags: '--serve', description: 'keep them running until Ctrl-C, without running the flow' },
      {
        flags: '--only <party>',
        description: 'start one party; the agent runs the flow, the others are kept running',
        choices: ['agent', 'resource', 'auth-server'] satisfies DemoParty[],
      },
      { flags: '--port <number>', description: 'port of the only party; 0 chooses a free one; default: that of --id' },
      { flags: '--id <id>', description: 'identifier of the only party; default: http://127.0.0.1:PORT' },
      { flags: '--auth-server-url <id>', description: 'the auth server of the only party' },
      { flags: '--agent-id <id>', description: 'the one agent that --interop is for; default: any on this machine' },
      { flags: '--resource-url <url>', description: 'the protected path that the only agent asks for' },
      allowNetwork,
      interop,
    ],
    load: async () => (await import('../demo/demo-command.js')).demoCommand,
  },
  {
    name: 'init',
    about: 'make an agent of your own: its key, and two documents that any host of static files can serve',
    flags: [
      { flags: '--id <id>', description: 'a URL of yours, such as https://me.example; later that of the folder' },
      { flags: '--name <text>', description: 'what people see beside the URL, such as “My scripts”' },
      {
        flags: '--auth-server <id>',
        description: 'an auth server that you may be sent to; may be given several times',
        repeated: true,
      },
      { flags: '--out <folder>', description: 'where the documents to upload go; default: one named after the host' },
      agent,
      {
        flags: '--rotate',
        description: 'change the key: at first both are published; run it again, and the new one signs',
      },
      { flags: '--leaked', description: 'with --rotate: a new key at once, since others may have the old one' },
      {
        flags: '--now',
        description: 'with --rotate: the new one signs, though others may not know it yet',
        conflicts: ['leaked'],
      },
      allowNetwork,
      egressProxy,
      json,
    ],
    load: async () => (await import('../init/init-command.js')).initCommand,
  },
  {
    name: 'fetch',
    about: 'ask an API as your own agent, as curl does; a person decides in the terminal where one must',
    subject: { name: '<url>', description: 'what to ask for' },
    flags: [
      { flags: '-X, --request <method>', description: 'the method; default: GET, or POST with a body' },
      {
        flags: '-H, --header <line>',
        description: 'a “Name: value” line, or @file with several, or @-; may be given several times',
        repeated: true,
      },
      {
        flags: '-d, --data <data>',
        description: 'a form’s data, or @file, or @- for standard input; several are joined by &',
        repeated: true,
      },
      { flags: '--data-binary <data>', description: 'the same, byte for byte', repeated: true },
      { flags: '--json <data>', description: 'the same as JSON, which is also asked for', repeated: true },
      { flags: '-i, --include', description: 'print status and headers before the body' },
      { flags: '-o, --output <file>', description: 'write the body to this file' },
      { flags: '-L, --location', description: 'go where the answer sends on, at the same origin' },
      { flags: '-f, --fail', description: 'print no body of an error, and end with status 22' },
      { flags: '-m, --max-time <seconds>', description: 'give up after this time, without that which a person takes' },
      { flags: '-s, --silent', description: 'say nothing about errors; a person is still asked' },
      { flags: '-S, --show-error', description: 'with --silent: say something about errors' },
      { flags: '-v, --verbose', description: 'show each message on standard error, its tokens decoded' },
      {
        flags: '--auth-server <id>',
        description: 'one that people may be sent to, besides those of init; may be given several times',
        repeated: true,
      },
      { flags: '--no-consent', description: 'ask nobody: end with status 4 where a person must decide' },
      {
        flags: '--paste',
        description:
          'also take the address that the browser ended at, pasted here; after three that do not fit it gives up',
      },
      {
        flags: '--consent-timeout <seconds>',
        description:
          'how long to wait for the person; default: 1800. The terminal counts down what the auth server gives them, which they can prolong, or this time if it is shorter',
      },
      agent,
      allowNetwork,
      interop,
    ],
    load: async () => (await import('../fetch/fetch-command.js')).fetchCommand,
  },
  {
    name: 'tokens list',
    about: 'list what the agent may do, and until when',
    flags: [agent, json],
    load: async () => (await import('../tokens/tokens-commands.js')).tokensList,
  },
  {
    name: 'tokens forget',
    about: 'forget the tokens for a resource, so that a person is asked again',
    subject: { name: '[resource]', description: 'as tokens list shows it: https://api.example' },
    flags: [{ flags: '--all', description: 'everything, also who allowed it, so that somebody else can' }, agent],
    load: async () => (await import('../tokens/tokens-commands.js')).tokensForget,
  },
  {
    name: 'tokens add',
    about: 'take the answer of a person who decided while no command waited',
    subject: { name: '<address>', description: 'the whole address that the browser ended at, in quotes' },
    flags: [agent],
    load: async () => (await import('../tokens/tokens-commands.js')).tokensAdd,
  },
  {
    name: 'sidecar',
    about: 'sign what programs of this machine ask for in plain HTTP, in any language, as your own agent',
    flags: [
      {
        flags: '--allow-host <host>',
        description: 'a host that may be asked, such as api.example or 127.0.0.1:8002; may be given several times',
        repeated: true,
      },
      { flags: '--port <number>', description: 'the port of 127.0.0.1; 0 chooses a free one; default: 8007' },
      { flags: '--secret-file <file>', description: 'the secret that programs give; default: in the agent’s folder' },
      { flags: '--socket <path>', description: 'a Unix socket in place of the port, for your own programs alone' },
      {
        flags: '--on-consent <command>',
        description: 'a command that asks the person; COUNTERSIGN_CONSENT_URL has the page',
      },
      { flags: '--no-consent', description: 'ask nobody: programs get status 401 and the page' },
      {
        flags: '--auth-server <id>',
        description: 'one that people may be sent to, besides those of init; may be given several times',
        repeated: true,
      },
      agent,
      allowNetwork,
      interop,
    ],
    load: async () => (await import('../sidecar/sidecar-command.js')).sidecarCommand,
  },
  {
    name: 'mcp',
    about: 'be the MCP server of an app on this machine, and ask a protected one as your own agent',
    subject: { name: '<url>', description: 'the protected server: https://api.example/mcp' },
    flags: [
      {
        flags: '--auth-server <id>',
        description: 'one that people may be sent to, besides those of init; may be given several times',
        repeated: true,
      },
      {
        flags: '--patience <seconds>',
        description: 'how long a call waits for the person who must decide; default: 20',
      },
      { flags: '--url-in-answers', description: 'also tell the model where the person decides' },
      agent,
      allowNetwork,
    ],
    load: async () => (await import('../mcp/mcp-command.js')).mcpCommand,
  },
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
  {
    name: 'gateway',
    about: 'protect an API without code in it: a reverse proxy that verifies each request by a table of routes',
    flags: [
      { flags: '--config <file>', description: 'the configuration, as .json, .mjs or .js; .ts from Node 22.18 on' },
      { flags: '--upstream <url>', description: 'the API behind it, in place of upstream of the configuration' },
      {
        flags: '--verify-only',
        description: 'pass nothing on: answer the subrequests of nginx or Caddy',
        conflicts: ['upstream'],
      },
      { flags: '--workers <n>', description: 'processes on one port, which share nonces and rates; default: 1' },
    ],
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/gateway-command.js')).gatewayCommand,
  },
  {
    name: 'gateway init',
    about: 'write a configuration of the gateway from an OpenAPI description, version 3.0 or 3.1',
    subject: { name: '<file>', description: 'the description, in YAML or JSON' },
    flags: [
      { flags: '--id <id>', description: 'the https URL of the API, as agents know it' },
      { flags: '--auth-server <id>', description: 'the auth server that signs people in and asks them' },
      { flags: '--upstream <url>', description: 'where the API listens; default: http://127.0.0.1:3000' },
      { flags: '--out <file>', description: 'where it goes; a file that exists is never overwritten' },
    ],
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/init-command.js')).gatewayInit,
  },
  {
    name: 'gateway check',
    about: 'say which route, level and scope a request would meet at the gateway',
    subject: { name: '<method> <path>', description: 'as in GET /events/7' },
    flags: [
      { flags: '--config <file>', description: 'the configuration of the gateway' },
      { flags: '--verify-only', description: 'judge as a gateway that answers the subrequests of nginx or Caddy' },
      json,
    ],
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/check-command.js')).gatewayCheck,
  },
  {
    name: 'gateway probe',
    about: 'send the spellings of each route to a test copy of the API, and report which ones it runs',
    flags: [
      { flags: '--config <file>', description: 'the configuration of the gateway' },
      { flags: '--upstream <url>', description: 'the test copy of the API: http://127.0.0.1:3001' },
      {
        flags: '--configured-upstream',
        description: 'probe the upstream of the configuration, though it may be in production',
        conflicts: ['upstream'],
      },
      {
        flags: '--param <name=value>',
        description: 'a value for a parameter, or for *; may be given several times',
        repeated: true,
      },
      {
        flags: '--header <name:value>',
        description: 'a header that the API needs; may be given several times',
        repeated: true,
      },
      json,
    ],
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/probe-command.js')).gatewayProbe,
  },
  {
    name: 'keys generate',
    about: 'generate a private key in a file that only you can read, and print the key set to publish',
    flags: [
      { flags: '--out <file>', description: 'where the private JWK goes; a file that exists is never overwritten' },
      {
        flags: '--alg <name>',
        description: 'the algorithm; default: ed25519',
        choices: ['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512'] satisfies Algorithm[],
      },
      { flags: '--kid <id>', description: 'the key’s id; default: its thumbprint' },
    ],
    load: async () => (await import('../keys/keys-commands.js')).keysGenerate,
  },
  {
    name: 'keys show',
    about: 'print the key set to publish of a private key, and its thumbprint',
    subject: { name: '<file>', description: 'the private JWK, as keys generate and init write it' },
    flags: [],
    load: async () => (await import('../keys/keys-commands.js')).keysShow,
  },
  {
    name: 'discover',
    about: 'fetch and check the documents and keys that an identifier publishes',
    subject: { name: '<identifier>', description: 'of an agent, a resource or an auth server: https://agent.example' },
    flags: [allowNetwork, egressProxy, json],
    load: async () => (await import('../discover/discover-command.js')).discoverCommand,
  },
  {
    name: 'doctor',
    about: 'check an auth server as it is deployed, from outside and on its machine, and say what to mend',
    subject: { name: '[url]', description: 'its issuer, to check from outside: https://auth.example' },
    flags: [
      { flags: '--config <file>', description: 'its configuration, to check on its machine' },
      { flags: '--backups <folder>', description: 'the folder with copies of its database' },
      allowNetwork,
      json,
    ],
    load: async () => (await import('../doctor/doctor-command.js')).doctorCommand,
  },
]
