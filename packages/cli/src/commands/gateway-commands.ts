import { type CommandRow, json, outputFile } from './command-row.js'

/** Commands for operators of a gateway. */
export const gatewayCommands: readonly CommandRow[] = [
  {
    name: 'gateway start',
    guesses: ['run', 'serve'],
    about: 'Run the gateway, which protects an existing API without code changes',
    example: 'gateway start --config gateway.json',
    page: 'The gateway',
    flags: {
      '--config <file>': {
        description: 'The configuration file: .json, .mjs or .js; .ts requires Node 22.18 or later',
        required: true,
      },
      '--upstream <url>': 'The API behind the gateway; overrides upstream in the configuration',
      '--verify-only': {
        description: 'Forward nothing: only respond to auth subrequests from nginx or Caddy',
        conflicts: ['upstream'],
      },
      '--workers <n>': 'Number of processes that share one port, the nonces and the rate limits; default: 1',
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/gateway-command.js')).gatewayCommand,
  },
  {
    name: 'gateway init',
    guesses: ['create', 'new'],
    about: 'Write a gateway configuration from an OpenAPI description (3.0 or 3.1), or from what an MCP server offers',
    example:
      'gateway init openapi.yaml --id https://api.example --auth-server https://auth.example --output gateway.json',
    page: 'The gateway',
    subjects: [{ name: '[file]', description: 'The OpenAPI file (YAML or JSON)' }],
    flags: {
      '--mcp <url>': {
        description: 'Instead of a file, the URL of a running MCP server, such as http://127.0.0.1:3000/mcp',
        conflicts: ['upstream'],
      },
      '--id <id>': { description: "The API's https URL, as agents know it", required: true },
      '--auth-server <id>': {
        description: 'The auth server that signs users in and asks for their consent',
        required: true,
      },
      '--upstream <url>': 'The URL at which the API listens; default: http://127.0.0.1:3000',
      ...outputFile('The output file; an existing file is never overwritten'),
      '--json': 'With --output: print one JSON document with the number of routes or tools, the scopes and notes',
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/init-command.js')).gatewayInit,
  },
  {
    name: 'gateway check',
    guesses: ['validate', 'test', 'lint'],
    about:
      'Check a configuration without starting the gateway, or show the route, level and scope that match a request',
    example: 'gateway check --config gateway.json',
    page: 'Gateway routes',
    subjects: [
      {
        name: '[method]',
        description: 'The method of a request, such as GET; without it, the configuration is checked',
      },
      { name: '[path]', description: 'The path of the request, with any query, such as /events/7' },
    ],
    flags: {
      '--config <file>': { description: "The gateway's configuration file", required: true },
      '--upstream <url>': 'The API behind the gateway; overrides upstream in the configuration',
      '--verify-only': {
        description: 'Check the configuration for a gateway that only responds to auth subrequests from nginx or Caddy',
        conflicts: ['upstream'],
      },
      ...json,
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/check-command.js')).gatewayCheck,
  },
  {
    name: 'gateway probe',
    about: 'Send alternative spellings of each route to a test copy of the API, and report which ones it handles',
    example: 'gateway probe --config gateway.json --upstream http://127.0.0.1:3001',
    page: 'Gateway routes',
    flags: {
      '--config <file>': { description: "The gateway's configuration file", required: true },
      '--upstream <url>': {
        description: 'The URL of the test copy of the API, such as http://127.0.0.1:3001',
        required: { or: '--configured-upstream' },
      },
      '--configured-upstream': {
        description: 'Probe the configured upstream, even though it may be in production',
        conflicts: ['upstream'],
      },
      '--param <name=value>': {
        description: 'A value for a path parameter, or for *; may be given several times',
        repeated: true,
      },
      '-H, --header <line>': {
        description: 'A "Name: value" line that the API needs; may be given several times',
        repeated: true,
      },
      ...json,
    },
    needs: 'countersign-gateway',
    load: async () => (await import('../gateway/probe-command.js')).gatewayProbe,
  },
]
