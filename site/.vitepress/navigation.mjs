import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The sections of the site, and the order of their pages. A page that is not listed comes last in its section.
 *
 * @type {readonly (readonly [folder: string, text: string, pages: readonly string[]])[]}
 */
const sections = [
  ['introduction', 'Introduction', ['why', 'how-it-works', 'compare', 'status', 'releases', 'faq', 'glossary']],
  ['get-started', 'Get started', ['demo', 'first-agent', 'protect-an-api', 'protect-an-mcp-server', 'auth-server']],
  [
    'agents',
    'Agents',
    [
      'which-function',
      'scripts',
      'web-apps',
      'other-languages',
      'desktop-apps',
      'mcp-clients',
      'delegates',
      'keys',
      'token-storage',
      'consent',
      'websockets',
    ],
  ],
  [
    'apis',
    'APIs',
    [
      'frameworks',
      'python-frameworks',
      'existing-logins',
      'account-linking',
      'gateway',
      'gateway-routes',
      'proxies',
      'subrequests',
      'mcp-servers',
      'request-bodies',
      'signed-header',
      'limits',
      'testing',
    ],
  ],
  [
    'operate',
    'Operate',
    [
      'systemd',
      'containers',
      'postgresql',
      'high-availability',
      'tls',
      'backup',
      'upgrade',
      'monitoring',
      'users',
      'policies',
      'consent-page',
      'identity-providers',
      'outgoing-requests',
      'overload',
    ],
  ],
  [
    'reference',
    'Reference',
    [
      'command-line',
      'server-configuration',
      'gateway-configuration',
      'errors',
      'events-and-metrics',
      'revocation-list',
      'protocol',
      'vectors',
    ],
  ],
  ['security', 'Security', ['attacks', 'reliability', 'performance']],
  ['contributing', 'Contributing', ['architecture', 'editions', 'dependencies', 'building-blocks']],
]

/** Titles that are too long for the sidebar. */
const shortTitles = {
  'agents/delegates': 'Delegates',
  'agents/desktop-apps': 'Claude Desktop, VS Code',
  'agents/keys': 'Keys, rotation, leaks',
  'agents/which-function': 'Choose a function',
  'apis/frameworks': 'Express, Fastify, Hono, Koa',
  'apis/limits': 'Rate limits, revocation',
  'apis/proxies': 'TLS and proxies',
  'apis/request-bodies': 'Bodies and uploads',
  'apis/subrequests': 'nginx, Caddy subrequests',
}

function titleOf(docs, page) {
  const [, heading] = /^# (.*)$/m.exec(readFileSync(join(docs, `${page}.md`), 'utf8')) ?? []
  if (heading === undefined) throw new Error(`docs/${page}.md has no first heading`)
  return shortTitles[page] ?? heading.replaceAll('`', '')
}

/** The sidebar: every page of `docs/`, and the entry points of the TypeScript reference. */
export function createSidebar(docs) {
  const groups = sections.map(([folder, text, order]) => {
    const names = readdirSync(join(docs, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => name.slice(0, -3))
    const rank = (name) => (order.includes(name) ? order.indexOf(name) : order.length)
    const items = names
      .toSorted((one, other) => rank(one) - rank(other) || one.localeCompare(other))
      .map((name) => ({ text: titleOf(docs, `${folder}/${name}`), link: `/${folder}/${name}` }))
    return { text, link: items[0]?.link, items, collapsed: true }
  })
  const api = join(docs, 'reference/api')
  if (existsSync(api)) {
    const pages = readdirSync(api, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'))
    const items = pages
      .map((name) => name.slice(0, -3))
      .filter((name) => name !== 'index')
      // Entry points of a package come before other packages.
      .toSorted((one, other) => (one.replaceAll('/', ' ') < other.replaceAll('/', ' ') ? -1 : 1))
      .map((name) => ({ text: titleOf(docs, `reference/api/${name}`), link: `/reference/api/${name}` }))
    const reference = groups.find(({ text }) => text === 'Reference')
    reference.items.push({ text: 'TypeScript API', link: '/reference/api/', items, collapsed: true })
  }
  return groups
}
