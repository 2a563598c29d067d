/** The pages that the help refers to, by title. They are files in the `countersign` package, which is installed with this one. */
export const documentationPages = {
  'Backup and restore': 'docs/operate/backup.md',
  'Events, logs and metrics': 'docs/reference/events-and-metrics.md',
  'Gateway routes': 'docs/apis/gateway-routes.md',
  'Keys: where to keep them, how to rotate them, what to do after a leak': 'docs/agents/keys.md',
  'Personal agents': 'docs/operate/personal-agents.md',
  PostgreSQL: 'docs/operate/postgresql.md',
  'Python and other languages': 'docs/agents/other-languages.md',
  'Run an auth server': 'docs/get-started/auth-server.md',
  'Scripts and services': 'docs/agents/scripts.md',
  'Test your API and your agent': 'docs/apis/testing.md',
  'The command line': 'docs/reference/command-line.md',
  'The gateway': 'docs/apis/gateway.md',
  'Troubleshoot an agent': 'docs/agents/troubleshooting.md',
  'Troubleshooting an API': 'docs/apis/troubleshooting.md',
  'Troubleshooting an auth server': 'docs/operate/troubleshooting.md',
  'Try the demo': 'docs/get-started/demo.md',
  'Use a protected MCP server in Claude Desktop, VS Code and other apps': 'docs/agents/desktop-apps.md',
  'Users, sessions and sign-in': 'docs/operate/users.md',
} as const

/** The title of a page in the documentation, which is also the page's heading. */
export type PageTitle = keyof typeof documentationPages
