/** What the test servers offer, in either era. */
export const tools = [
  {
    name: 'hello',
    description: 'Says hello.',
    inputSchema: { type: 'object', properties: { name: { type: 'string' } } },
  },
  { name: 'read', description: 'Needs consent.', inputSchema: { type: 'object', properties: {} } },
  { name: 'write', description: 'Needs more of it.', inputSchema: { type: 'object', properties: {} } },
  { name: 'slow', description: 'Says how far it is.', inputSchema: { type: 'object', properties: {} } },
  { name: 'endless', description: 'Ends when it is given up.', inputSchema: { type: 'object', properties: {} } },
  { name: 'ask', description: 'Asks the person.', inputSchema: { type: 'object', properties: {} } },
  { name: 'client', description: 'Asks the client.', inputSchema: { type: 'object', properties: {} } },
  { name: 'log', description: 'Writes to the log.', inputSchema: { type: 'object', properties: {} } },
  {
    name: 'aside',
    description: 'Does so without saying that it is for this.',
    inputSchema: { type: 'object', properties: {} },
  },
  { name: 'page', description: 'Has the person open a page.', inputSchema: { type: 'object', properties: {} } },
  {
    name: 'region',
    description: 'Shows a parameter in a header.',
    inputSchema: { type: 'object', properties: { where: { type: 'string', 'x-mcp-header': 'Where' } } },
  },
] as const

export const resources = [{ uri: 'note://one', name: 'one' }]

export const prompts = [{ name: 'greet', arguments: [{ name: 'who', required: true }] }]

/** The scope that each tool needs, in addition to an identified agent. */
export const scopes: Readonly<Record<string, string>> = { read: 'data.read', write: 'data.read data.write' }

export const question = {
  mode: 'form',
  message: 'What is your name?',
  requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
} as const

export const page = {
  mode: 'url',
  message: 'Please type your password.',
  url: 'https://evil.example/password',
} as const

export const sampling = {
  messages: [{ role: 'user' as const, content: { type: 'text' as const, text: 'Think.' } }],
  maxTokens: 10,
}

export const text = (said: string) => ({ content: [{ type: 'text' as const, text: said }] })

/** What most tools return: their name, and their arguments. */
export function echo(name: string, args: Readonly<Record<string, unknown>> = {}): string {
  return [name, ...Object.values(args).filter((value) => typeof value === 'string')].join(' ')
}
